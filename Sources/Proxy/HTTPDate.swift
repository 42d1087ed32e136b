/// The fixed-length date of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
enum HTTPDate {
    private static let days = Array("ThuFriSatSunMonTueWed".utf8)
    private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)

    /// - Parameter text: 29 bytes, overwritten.
    static func write(_ unixSeconds: Int64, to text: inout [UInt8]) {
        let day = Int(unixSeconds / 86_400)
        let second = Int(unixSeconds % 86_400)
        let (year, month, dayOfMonth) = civil(day)
        var out: [UInt8] = []
        out.reserveCapacity(29)
        out += days[(day % 7) * 3..<(day % 7) * 3 + 3]
        out += [44, 32]
        put(dayOfMonth, 2, &out)
        out.append(32)
        out += months[(month - 1) * 3..<(month - 1) * 3 + 3]
        out.append(32)
        put(year, 4, &out)
        out.append(32)
        put(second / 3600, 2, &out)
        out.append(58)
        put(second / 60 % 60, 2, &out)
        out.append(58)
        put(second % 60, 2, &out)
        out += [32, 71, 77, 84]
        text = out
    }

    private static func put(_ value: Int, _ width: Int, _ out: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            out.append(UInt8(48 + value / divisor % 10))
            divisor /= 10
        }
    }

    /// Source: the proleptic Gregorian calendar, in eras of 400 years that begin on 1 March.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }
}
