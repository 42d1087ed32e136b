internal import Synchronization
internal import Telemetry
internal import XDS

/// How much work a process under pressure still takes, from everything to nothing new.
///
/// Shape: each level includes those below it.
enum PressureLevel: UInt8, Comparable, Sendable {
    case none
    /// Connections are not kept alive.
    case sparesConnections
    /// Requests are answered 503.
    case refusesRequests
    /// Nothing is accepted.
    case refusesConnections

    static func < (a: PressureLevel, b: PressureLevel) -> Bool { a.rawValue < b.rawValue }

    /// Rises at a threshold and falls two points below it, so that a level does not flutter.
    ///
    /// - Parameter percent: of the resource that is used most.
    func next(percent: Double, limits: OverloadLimits) -> PressureLevel {
        let thresholds: [(PressureLevel, UInt32)] = [
            (.refusesConnections, limits.acceptPercent), (.refusesRequests, limits.requestPercent),
            (.sparesConnections, limits.keepAlivePercent),
        ]
        for (level, threshold) in thresholds {
            let mark = Double(threshold) - (self >= level ? Self.hysteresisPercent : 0)
            if percent >= mark { return level }
        }
        return .none
    }

    private static let hysteresisPercent = 2.0
}

/// What the monitor tells the workers: written by its thread, read by all others.
final class Pressure: Sendable {
    private let raw = Atomic<UInt8>(0)
    /// In hundredths of a percent, for metrics.
    private let memory = Atomic<Int>(0)
    private let descriptors = Atomic<Int>(0)

    private let connections: Atomic<Int>

    /// - Parameter connectionsMax: downstream connections until the monitor has looked.
    init(connectionsMax: Int) { connections = Atomic(connectionsMax) }

    /// How many downstream connections all workers together may hold.
    var connectionsMax: Int { connections.load(ordering: .relaxed) }

    func setConnectionsMax(_ count: Int) { connections.store(count, ordering: .relaxed) }

    /// One relaxed load: asked once per request and per accept.
    var level: PressureLevel { PressureLevel(rawValue: raw.load(ordering: .relaxed)) ?? .none }

    var memoryPercent: Int { memory.load(ordering: .relaxed) / 100 }
    var descriptorPercent: Int { descriptors.load(ordering: .relaxed) / 100 }

    func set(_ level: PressureLevel, memoryPercent: Double, descriptorPercent: Double) {
        raw.store(level.rawValue, ordering: .relaxed)
        memory.store(Int((min(memoryPercent, 1000) * 100).rounded()), ordering: .relaxed)
        descriptors.store(Int((min(descriptorPercent, 1000) * 100).rounded()), ordering: .relaxed)
    }

    /// Names follow Envoy's overload manager.
    func addMetrics(to snapshot: inout MetricsSnapshot) {
        let monitors = "envoy_overload_envoy_resource_monitors_"
        let actions = "envoy_overload_envoy_overload_actions_"
        let level = level
        let gauges: [(String, String, Int)] = [
            (monitors + "fixed_heap_pressure", "Memory used, percent of the limit.", memoryPercent),
            (monitors + "descriptors_pressure", "Descriptors used, percent of the limit.", descriptorPercent),
            (
                actions + "disable_http_keepalive_active", "1 while connections are not kept.",
                level >= .sparesConnections ? 1 : 0
            ),
            (
                actions + "stop_accepting_requests_active", "1 while requests are refused.",
                level >= .refusesRequests ? 1 : 0
            ),
            (
                actions + "stop_accepting_connections_active", "1 while nothing is accepted.",
                level >= .refusesConnections ? 1 : 0
            ),
        ]
        for (name, help, value) in gauges {
            snapshot.add(MetricFamily(name, .gauge, help), labels: "", Int64(value))
        }
    }
}
