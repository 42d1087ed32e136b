/// A latency histogram of one worker: counts per bucket, a sum and a count.
///
/// Shape: trivially copyable, lives behind a pointer; only its worker touches it, and a scrape copies it there.
/// Units: values are microseconds; the bounds are Envoy's default millisecond buckets, so that dashboards keep working.
public struct LatencyHistogram: Sendable {
    /// Upper bounds in milliseconds, without the implicit `+Inf`.
    public static let boundsMilliseconds: [Double] = [
        0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
        3_600_000,
    ]

    @usableFromInline static let bucketCount = 20

    @usableFromInline
    typealias Buckets = (
        UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
        UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
    )

    @usableFromInline var buckets: Buckets = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    public private(set) var sumMicroseconds: UInt64 = 0
    public private(set) var count: UInt64 = 0

    public init() {}

    /// Adds one observation. No allocation, no lookup table: most values fall into the first buckets.
    public mutating func record(microseconds: UInt64) {
        count &+= 1
        sumMicroseconds &+= microseconds
        if microseconds <= 500 {
            buckets.0 &+= 1
        } else if microseconds <= 1000 {
            buckets.1 &+= 1
        } else {
            recordSlow(microseconds)
        }
    }

    private mutating func recordSlow(_ microseconds: UInt64) {
        let index: Int =
            switch microseconds {
            case ...5_000: 2
            case ...10_000: 3
            case ...25_000: 4
            case ...50_000: 5
            case ...100_000: 6
            case ...250_000: 7
            case ...500_000: 8
            case ...1_000_000: 9
            case ...2_500_000: 10
            case ...5_000_000: 11
            case ...10_000_000: 12
            case ...30_000_000: 13
            case ...60_000_000: 14
            case ...300_000_000: 15
            case ...600_000_000: 16
            case ...1_800_000_000: 17
            case ...3_600_000_000: 18
            default: 19
            }
        withUnsafeMutableBytes(of: &buckets) { raw in
            let old = raw.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)
            raw.storeBytes(of: old &+ 1, toByteOffset: index &* 8, as: UInt64.self)
        }
    }

    /// The count of each bucket, not cumulative, `+Inf` last.
    public var bucketCounts: [UInt64] {
        withUnsafeBytes(of: buckets) { raw in
            (0..<Self.bucketCount).map { raw.loadUnaligned(fromByteOffset: $0 &* 8, as: UInt64.self) }
        }
    }
}
