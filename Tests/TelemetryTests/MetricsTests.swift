import Telemetry
import Testing

@Suite struct MetricsTests {
    @Test func `equal label sets of two workers add up`() {
        let family = MetricFamily("requests_total", .counter, "Requests.")
        var one = MetricsSnapshot()
        var two = MetricsSnapshot()
        let labels = MetricLabels.text([("host", "a\"b\\c\nd")])
        one.add(family, labels: labels, 3)
        two.add(family, labels: labels, 4)
        two.add(family, labels: "", 1)
        one.merge(two)
        let expected = """
            # HELP requests_total Requests.
            # TYPE requests_total counter
            requests_total 1
            requests_total{host="a\\"b\\\\c\\nd"} 7

            """
        #expect(String(decoding: one.exposition(), as: UTF8.self) == expected)
    }

    @Test func `histogram buckets are cumulative and end with the count`() {
        var histogram = LatencyHistogram()
        for value: UInt64 in [100, 500, 501, 7_000, 4_000_000_000] { histogram.record(microseconds: value) }
        var snapshot = MetricsSnapshot()
        snapshot.add(MetricFamily("time", .histogram, "Time."), labels: "a=\"b\"", histogram)
        let text = String(decoding: snapshot.exposition(), as: UTF8.self)
        #expect(text.contains("time_bucket{a=\"b\",le=\"0.5\"} 2\n"))
        #expect(text.contains("time_bucket{a=\"b\",le=\"1\"} 3\n"))
        #expect(text.contains("time_bucket{a=\"b\",le=\"10\"} 4\n"))
        #expect(text.contains("time_bucket{a=\"b\",le=\"3600000\"} 4\n"))
        #expect(text.contains("time_bucket{a=\"b\",le=\"+Inf\"} 5\n"))
        #expect(text.contains("time_count{a=\"b\"} 5\n"))
    }

    @Test func `requests are told apart by code, flags, gRPC status and security`() {
        let series = RequestSeries()
        let fine = RequestSeries.Key(code: 200, flags: [], grpcStatus: nil, isMutualTLS: false)
        let slow = RequestSeries.Key(code: 504, flags: .upstreamTimeout, grpcStatus: 4, isMutualTLS: true)
        for _ in 0..<3 { series.count(fine, microseconds: 10, requestBytes: 1, responseBytes: 2) }
        series.count(slow, microseconds: 10, requestBytes: 0, responseBytes: 0)
        var snapshot = MetricsSnapshot()
        series.add(to: &snapshot, labels: "reporter=\"source\"")
        #expect(snapshot.total("istio_requests_total", where: "response_code=\"200\",response_flags=\"-\"") == 3)
        #expect(snapshot.total("istio_requests_total", where: "grpc_response_status=\"4\"") == 1)
        #expect(snapshot.total("istio_requests_total", where: "mutual_tls") == 1)
        #expect(snapshot.total("istio_response_bytes_sum") == 6)
    }

    @Test func `a flood of distinct series stays within the table`() {
        let series = RequestSeries()
        for code in 0..<1000 {
            let key = RequestSeries.Key(code: code, flags: [], grpcStatus: nil, isMutualTLS: false)
            series.count(key, microseconds: 1, requestBytes: 0, responseBytes: 0)
        }
        var snapshot = MetricsSnapshot()
        series.add(to: &snapshot, labels: "")
        #expect(snapshot.total("istio_requests_total") == 1000)
    }
}
