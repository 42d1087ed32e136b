internal import Base
internal import XDS

/// When something is settled, and what may be removed because of that.
extension StreamSession {
    /// The peer has accepted all that `target` has for it of this type; removals apart.
    func hasAccepted(_ type: ResourceType) -> Bool {
        let state = self[type]
        guard state.isKnown else { return true }
        guard state.outstanding == nil, state.rejection == nil else { return false }
        if type == .listener, !state.stale(against: resources(type)).isEmpty { return false }
        return state.updates(toward: resources(type)).isEmpty
    }

    /// The peer has accepted all there is for it, and holds nothing else.
    func isSettled() -> Bool {
        ResourceType.allCases.allSatisfy { type in
            hasAccepted(type)
                && (!self[type].isKnown || variant == .stateOfTheWorld && !type.isComplete
                    || self[type].stale(against: resources(type)).isEmpty)
        } && ResourceType.allCases.contains { self[$0].isKnown }
    }

    /// What others name goes after what names it.
    func mayRemove(_ type: ResourceType, now: MonotonicTime) -> Bool {
        let users: [ResourceType] =
            switch type {
            case .listener: []
            case .route: [.listener]
            case .cluster, .endpoint: [.listener, .route]
            case .secret: [.listener, .cluster]
            }
        if users.allSatisfy({ hasAccepted($0) }) { return true }
        // A peer that refused the new routes still uses the old ones, and the clusters they name.
        guard let removalDeadline, now >= removalDeadline else { return false }
        return users.allSatisfy { self[$0].rejection == nil }
    }

    mutating func clearDeadlines(now: MonotonicTime) {
        if self[.cluster].outstanding == nil, self[.endpoint].outstanding == nil, awaitedEndpoints.isEmpty {
            gateDeadline = nil
        }
        if let gateDeadline, now >= gateDeadline {
            awaitedEndpoints = []
            self.gateDeadline = nil
        }
        let hasStale = ResourceType.allCases.contains { !self[$0].stale(against: resources($0)).isEmpty }
        if !hasStale { removalDeadline = nil }
    }
}
