/// Istio's standard request metrics of one cluster on one worker: a small table keyed by what varies per request.
///
/// Shape: an open-addressed table, allocated once; the steady state neither allocates nor hashes a string.
/// Limits: `seriesMax` combinations; further ones are counted in the last series, so that no peer can grow it.
public final class RequestSeries {
    /// What varies between requests to one cluster, packed so that comparing is one instruction.
    public struct Key: Hashable, Sendable {
        @usableFromInline let packed: UInt64

        /// - Parameter grpcStatus: nil for requests that are not gRPC.
        @inlinable public init(code: Int, flags: ResponseFlags, grpcStatus: Int?, isMutualTLS: Bool) {
            let status = UInt64(UInt8(truncatingIfNeeded: grpcStatus ?? 255))
            packed =
                UInt64(UInt16(truncatingIfNeeded: code)) | UInt64(flags.rawValue) << 16 | status << 48
                | (isMutualTLS ? 1 << 56 : 0) | 1 << 63
        }
    }

    struct Entry {
        var key: UInt64 = 0
        var requests: UInt64 = 0
        var requestBytes: UInt64 = 0
        var responseBytes: UInt64 = 0
        var time = LatencyHistogram()
    }

    private static let capacity = 64
    private static let seriesMax = 48

    private let entries: UnsafeMutablePointer<Entry>
    private var used = 0
    /// The slot of the previous request: nearly always right.
    private var recent = 0

    public init() {
        entries = .allocate(capacity: Self.capacity)
        entries.initialize(repeating: Entry(), count: Self.capacity)
    }

    deinit { entries.deallocate() }

    @inline(__always)
    public func count(_ key: Key, microseconds: UInt64, requestBytes: UInt64, responseBytes: UInt64) {
        let slot = entries[recent].key == key.packed ? recent : find(key.packed)
        recent = slot
        entries[slot].requests &+= 1
        entries[slot].requestBytes &+= requestBytes
        entries[slot].responseBytes &+= responseBytes
        entries[slot].time.record(microseconds: microseconds)
    }

    @inline(never) private func find(_ key: UInt64) -> Int {
        var index = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 58)
        while true {
            let there = entries[index].key
            if there == key { return index }
            if there == 0 {
                if used >= Self.seriesMax { return recent }
                used &+= 1
                entries[index].key = key
                return index
            }
            index = (index &+ 1) & (Self.capacity &- 1)
        }
    }

    /// - Parameter labels: what is the same for all requests of this cluster (reporter, source, destination), rendered.
    public func add(to snapshot: inout MetricsSnapshot, labels: String) {
        for index in 0..<Self.capacity where entries[index].key != 0 {
            let entry = entries[index]
            let grpc = Int(entry.key >> 48 & 0xFF)
            let flags = ResponseFlags(rawValue: UInt32(truncatingIfNeeded: entry.key >> 16))
            let varying = MetricLabels.text([
                ("connection_security_policy", entry.key >> 56 & 1 == 1 ? "mutual_tls" : "none"),
                ("grpc_response_status", grpc == 255 ? "" : String(grpc)),
                ("request_protocol", grpc == 255 ? "http" : "grpc"),
                ("response_code", String(entry.key & 0xFFFF)),
                ("response_flags", flags.text),
            ])
            let all = labels.isEmpty ? varying : labels + "," + varying
            snapshot.add(Family.requests, labels: all, Int64(clamping: entry.requests))
            snapshot.add(Family.requestBytes, labels: all, Int64(clamping: entry.requestBytes))
            snapshot.add(Family.responseBytes, labels: all, Int64(clamping: entry.responseBytes))
            snapshot.add(Family.duration, labels: all, entry.time)
        }
    }

    private enum Family {
        static let requests = MetricFamily("istio_requests_total", .counter, "Requests handled.")
        static let requestBytes = MetricFamily("istio_request_bytes_sum", .counter, "Bytes of request bodies.")
        static let responseBytes = MetricFamily("istio_response_bytes_sum", .counter, "Bytes of response bodies.")
        static let duration = MetricFamily(
            "istio_request_duration_milliseconds",
            .histogram,
            "Time from request to complete response."
        )
    }
}

/// TCP metrics of one cluster on one worker. Source: Istio standard metrics.
public struct TCPStatistics: Sendable {
    public var opened: UInt64 = 0
    public var closed: UInt64 = 0
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0

    public init() {}

    public func add(to snapshot: inout MetricsSnapshot, labels: String) {
        if opened == 0 { return }
        let values: [(String, String, UInt64)] = [
            ("istio_tcp_connections_opened_total", "TCP connections opened.", opened),
            ("istio_tcp_connections_closed_total", "TCP connections closed.", closed),
            ("istio_tcp_sent_bytes_total", "Bytes sent to the downstream.", bytesSent),
            ("istio_tcp_received_bytes_total", "Bytes received from the downstream.", bytesReceived),
        ]
        for (name, help, value) in values {
            snapshot.add(MetricFamily(name, .counter, help), labels: labels, Int64(clamping: value))
        }
    }
}
