/// One Prometheus family: its name, its sentence, its kind.
public struct MetricFamily: Hashable, Sendable {
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    public let name: String
    public let help: String
    public let kind: Kind

    public init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }
}

/// What all workers counted, at one moment: the value a scrape answers with.
///
/// Workers never share counters; each adds its own numbers to a snapshot on its own thread, and snapshots are merged.
/// Shape: families by name, samples by rendered label set. Equal label sets add up.
public struct MetricsSnapshot: Sendable {
    enum Sample: Sendable {
        case number(Int64)
        case histogram(buckets: [UInt64], sumMicroseconds: UInt64, count: UInt64)
    }

    private var families: [String: MetricFamily] = [:]
    private var samples: [String: [String: Sample]] = [:]

    public init() {}

    /// Adds to a counter or gauge. `labels` come from `MetricLabels.text`, empty for none.
    public mutating func add(_ family: MetricFamily, labels: String, _ value: Int64) {
        families[family.name] = family
        add(family.name, labels, .number(value))
    }

    public mutating func add(_ family: MetricFamily, labels: String, _ histogram: LatencyHistogram) {
        families[family.name] = family
        add(
            family.name,
            labels,
            .histogram(
                buckets: histogram.bucketCounts,
                sumMicroseconds: histogram.sumMicroseconds,
                count: histogram.count
            )
        )
    }

    /// Adds every sample of `other` to this one.
    public mutating func merge(_ other: MetricsSnapshot) {
        families.merge(other.families) { mine, _ in mine }
        for (family, byLabels) in other.samples {
            for (labels, sample) in byLabels { add(family, labels, sample) }
        }
    }

    /// The value of a counter or gauge summed over all label sets that contain `part`; zero when there is none.
    public func total(_ name: String, where part: String = "") -> Int64 {
        var sum: Int64 = 0
        for (labels, sample) in samples[name] ?? [:] where part.isEmpty || labels.contains(part) {
            switch sample {
            case .number(let value): sum &+= value
            case .histogram(_, _, let count): sum &+= Int64(clamping: count)
            }
        }
        return sum
    }

    private mutating func add(_ name: String, _ labels: String, _ sample: Sample) {
        guard let old = samples[name]?[labels] else {
            samples[name, default: [:]][labels] = sample
            return
        }
        switch (old, sample) {
        case (.number(let a), .number(let b)):
            samples[name]?[labels] = .number(a &+ b)
        case (.histogram(let a, let sumA, let countA), .histogram(let b, let sumB, let countB)):
            samples[name]?[labels] = .histogram(
                buckets: zip(a, b).map { $0 &+ $1 },
                sumMicroseconds: sumA &+ sumB,
                count: countA &+ countB
            )
        case (.number, .histogram), (.histogram, .number):
            return
        }
    }

    /// The text of a scrape, families and label sets in alphabetical order.
    ///
    /// Source: Prometheus text exposition format 0.0.4; histograms are cumulative and in milliseconds, as Istio's are.
    public func exposition() -> [UInt8] {
        var out = ""
        for name in families.keys.sorted() {
            guard let family = families[name], let byLabels = samples[name] else { continue }
            out += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind.rawValue)\n"
            for labels in byLabels.keys.sorted() {
                guard let sample = byLabels[labels] else { continue }
                switch sample {
                case .number(let value):
                    out += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
                case .histogram(let buckets, let sum, let count):
                    Self.appendHistogram(&out, name, labels, buckets: buckets, sumMicroseconds: sum, count: count)
                }
            }
        }
        return Array(out.utf8)
    }

    private static func appendHistogram(
        _ out: inout String,
        _ name: String,
        _ labels: String,
        buckets: [UInt64],
        sumMicroseconds: UInt64,
        count: UInt64
    ) {
        let head = labels.isEmpty ? "" : labels + ","
        var running: UInt64 = 0
        for (index, bound) in LatencyHistogram.boundsMilliseconds.enumerated() {
            running &+= buckets[index]
            let text = bound < 1 ? "0.5" : String(Int(bound))
            out += "\(name)_bucket{\(head)le=\"\(text)\"} \(running)\n"
        }
        out += "\(name)_bucket{\(head)le=\"+Inf\"} \(count)\n"
        let braces = labels.isEmpty ? "" : "{\(labels)}"
        out += "\(name)_sum\(braces) \(Double(sumMicroseconds) / 1000)\n"
        out += "\(name)_count\(braces) \(count)\n"
    }
}

/// Renders a label set, escaped as the exposition format asks.
public enum MetricLabels {
    /// `[("code", "200")]` becomes `code="200"`.
    public static func text(_ pairs: [(name: String, value: String)]) -> String {
        var out = ""
        for pair in pairs {
            if !out.isEmpty { out += "," }
            out += pair.name + "=\""
            for scalar in pair.value.unicodeScalars {
                switch scalar {
                case "\\": out += "\\\\"
                case "\"": out += "\\\""
                case "\n": out += "\\n"
                default: out.unicodeScalars.append(scalar)
                }
            }
            out += "\""
        }
        return out
    }
}
