public import Base

/// Everything one finished exchange (or TCP connection) says about itself.
///
/// Shape: numbers and borrowed bytes. The byte slices point into heads and tables that the exchange still holds; a
/// record never outlives the call it is passed to. Nothing here allocates.
public struct AccessRecord {
    public typealias Bytes = UnsafeRawBufferPointer

    /// Milliseconds since 1970, UTC.
    public var startWallMilliseconds: UInt64 = 0
    public var durationMilliseconds: UInt64 = 0
    /// What the upstream said it took; nil when no upstream answered.
    public var upstreamServiceMilliseconds: UInt64?
    /// Zero when no response was sent (TCP, or the downstream went away first).
    public var responseCode = 0
    public var flags = ResponseFlags()
    public var details: StaticString = ""
    public var bytesReceived: UInt64 = 0
    public var bytesSent: UInt64 = 0

    public var method = Bytes(start: nil, count: 0)
    public var path = Bytes(start: nil, count: 0)
    public var httpVersion: StaticString = ""
    public var authority = Bytes(start: nil, count: 0)
    public var userAgent = Bytes(start: nil, count: 0)
    public var forwardedFor = Bytes(start: nil, count: 0)
    public var requestID = Bytes(start: nil, count: 0)
    public var serverName = Bytes(start: nil, count: 0)
    public var routeName = Bytes(start: nil, count: 0)
    public var upstreamCluster = Bytes(start: nil, count: 0)
    public var upstreamFailure = Bytes(start: nil, count: 0)
    public var terminationDetails: StaticString = ""

    public var upstreamHost: SocketAddress?
    public var upstreamLocal: SocketAddress?
    public var downstreamLocal: SocketAddress?
    public var downstreamRemote: SocketAddress?

    public init() {}
}

/// Turns access records into JSON lines in a buffer it owns.
///
/// Source: the keys of Istio's JSON access log (`pilot/pkg/model/telemetry_logging.go`), Envoy's value rules: numbers
/// bare, what is absent is null.
public final class AccessLogFormatter {
    /// Lines that did not fit because the writer is behind.
    public private(set) var droppedLines: UInt64 = 0

    private let bytesMax: Int
    private var dayOf: UInt64 = .max
    private var year = 0
    private var month = 0
    private var day = 0

    public init(bytesMax: Int) { self.bytesMax = bytesMax }

    public func append(_ record: borrowing AccessRecord, to out: LogBuffer) {
        if out.count > bytesMax {
            droppedLines &+= 1
            return
        }
        out.put("{\"start_time\":\"")
        putTime(record.startWallMilliseconds, out)
        out.put("\",\"method\":")
        put(record.method, out)
        out.put(",\"path\":")
        put(record.path, out)
        out.put(",\"protocol\":")
        put(record.httpVersion, out)
        out.put(",\"response_code\":")
        out.put(decimal: UInt64(record.responseCode))
        out.put(",\"response_flags\":\"")
        put(record.flags, out)
        out.put("\",\"response_code_details\":")
        put(record.details, out)
        out.put(",\"connection_termination_details\":")
        put(record.terminationDetails, out)
        out.put(",\"upstream_transport_failure_reason\":")
        put(record.upstreamFailure, out)
        out.put(",\"bytes_received\":")
        out.put(decimal: record.bytesReceived)
        out.put(",\"bytes_sent\":")
        out.put(decimal: record.bytesSent)
        out.put(",\"duration\":")
        out.put(decimal: record.durationMilliseconds)
        out.put(",\"upstream_service_time\":")
        if let time = record.upstreamServiceMilliseconds { out.put(decimal: time) } else { out.put("null") }
        appendTail(record, out)
    }

    private func appendTail(_ record: borrowing AccessRecord, _ out: LogBuffer) {
        out.put(",\"x_forwarded_for\":")
        put(record.forwardedFor, out)
        out.put(",\"user_agent\":")
        put(record.userAgent, out)
        out.put(",\"request_id\":")
        put(record.requestID, out)
        out.put(",\"authority\":")
        put(record.authority, out)
        out.put(",\"upstream_host\":")
        put(record.upstreamHost, out)
        out.put(",\"upstream_cluster\":")
        put(record.upstreamCluster, out)
        out.put(",\"upstream_local_address\":")
        put(record.upstreamLocal, out)
        out.put(",\"downstream_local_address\":")
        put(record.downstreamLocal, out)
        out.put(",\"downstream_remote_address\":")
        put(record.downstreamRemote, out)
        out.put(",\"requested_server_name\":")
        put(record.serverName, out)
        out.put(",\"route_name\":")
        put(record.routeName, out)
        out.put("}\n")
    }

    private func put(_ bytes: AccessRecord.Bytes, _ out: LogBuffer) {
        if bytes.count == 0 { out.put("null") } else { out.putJSON(bytes) }
    }

    private func put(_ text: StaticString, _ out: LogBuffer) {
        if text.utf8CodeUnitCount == 0 {
            out.put("null")
        } else {
            out.put("\"")
            out.put(text)
            out.put("\"")
        }
    }

    private func put(_ flags: ResponseFlags, _ out: LogBuffer) {
        var rest = flags.rawValue
        if rest == 0 { out.put("-") }
        while rest != 0 {
            let bit = rest.trailingZeroBitCount
            if bit < ResponseFlags.words.count { out.put(ResponseFlags.words[bit]) }
            rest &= rest &- 1
            if rest != 0 { out.put(",") }
        }
    }

    private func put(_ address: SocketAddress?, _ out: LogBuffer) {
        guard let address else {
            out.put("null")
            return
        }
        out.put("\"")
        if let four = address.address.ipv4 {
            out.put(decimal: UInt64(four >> 24))
            out.put(".")
            out.put(decimal: UInt64(four >> 16 & 255))
            out.put(".")
            out.put(decimal: UInt64(four >> 8 & 255))
            out.put(".")
            out.put(decimal: UInt64(four & 255))
        } else {
            out.put("[")
            var text = address.address.description
            text.withUTF8 { out.put(UnsafeRawBufferPointer($0)) }
            out.put("]")
        }
        out.put(":")
        out.put(decimal: UInt64(address.port))
        out.put("\"")
    }

    /// RFC 3339 with milliseconds. The date part is computed once a day.
    private func putTime(_ milliseconds: UInt64, _ out: LogBuffer) {
        let days = milliseconds / 86_400_000
        if days != dayOf { setDate(days) }
        let rest = Int(milliseconds % 86_400_000)
        out.put(year, width: 4)
        out.put("-")
        out.put(month, width: 2)
        out.put("-")
        out.put(day, width: 2)
        out.put("T")
        out.put(rest / 3_600_000, width: 2)
        out.put(":")
        out.put(rest / 60_000 % 60, width: 2)
        out.put(":")
        out.put(rest / 1000 % 60, width: 2)
        out.put(".")
        out.put(rest % 1000, width: 3)
        out.put("Z")
    }

    /// Source: the proleptic Gregorian calendar; eras of 400 years beginning on 1 March.
    private func setDate(_ days: UInt64) {
        dayOf = days
        let shifted = Int(clamping: days) &+ 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}
