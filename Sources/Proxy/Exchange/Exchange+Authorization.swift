internal import HTTP
internal import Routing
internal import XDS

// Who may do what: the RBAC filters of a listener and of a route.
extension Exchange {
    /// A path that the application may read differently than we do has to be allowed in each of its readings.
    func isAllowed(_ head: MessageHead, by rule: RoleRule, _ downstream: HTTPDownstream) -> Bool {
        let facts = self.facts(downstream)
        guard rule.evaluate(head, facts: facts).isAllowed else { return false }
        guard PathReading.isAmbiguous(head.path), rule.effect != .log else { return true }
        guard isAllowed(head, reading: .resolved, by: rule, facts) else { return false }
        return rule.effect != .deny || isAllowed(head, reading: .bare, by: rule, facts)
    }

    private func isAllowed(
        _ head: MessageHead,
        reading: PathReading,
        by rule: RoleRule,
        _ facts: RequestFacts
    ) -> Bool {
        guard reading.read(head.path, into: &worker.scratch) else { return false }
        return worker.scratch.withUnsafeBytes { path in
            head.withPath(path) { rule.evaluate(head, facts: facts).isAllowed }
        }
    }

    static func roles(_ step: HTTPPlan.Step<RoleFilter>, _ changes: RouteFilters) -> RoleFilter? {
        switch changes.change(for: step.name) {
        case .disabled: return nil
        case .roles(let filter): return filter
        case .enabled: return step.settings
        case nil: return step.isOff ? nil : step.settings
        case .cors, .fault, .jwtRequirement, .localRateLimit: return step.settings
        }
    }
}
