internal import Base
internal import XDS

/// What the peer says.
extension StreamSession {
    /// A state-of-the-world request: the full list of names, and an answer to the last response when `nonce` is set.
    ///
    /// - Parameter version: what the peer last accepted. After a refusal it tells a change of names from an acceptance.
    mutating func receive(
        _ type: ResourceType,
        names: [String],
        version: String,
        nonce: String,
        rejection: String?,
        now: MonotonicTime
    ) -> [Output] {
        var outputs: [Output] = []
        // Before the first response has reached it, a peer that asks for more names has no nonce to send yet.
        let isEarly = nonce.isEmpty && self[type].outstanding != nil && !self[type].hasAnswered
        if !self[type].isKnown || nonce.isEmpty && !isEarly {
            // Versions of another stream mean nothing here: the peer is told everything.
            self[type].reset()
            self[type].names = Set(names).subtracting(["*"])
            self[type].isWildcard = type.isComplete && (names.isEmpty || names.contains("*"))
            return flush(now: now)
        }
        guard isEarly || nonce == self[type].lastNonce else { return [] }
        let accepts = version == self[type].lastVersion
        outputs += answer(type, nonce: nonce, rejection: rejection, accepts: accepts, now: now)
        let wanted = Set(names).subtracting(["*"])
        if !(self[type].isWildcard && names.isEmpty) {
            let isWildcard = type.isComplete && names.contains("*")
            let added = wanted.subtracting(self[type].names)
            let removed = self[type].names.subtracting(wanted)
            if isWildcard, !self[type].isWildcard { self[type].owesAnswer = true }
            self[type].isWildcard = isWildcard
            self[type].names = wanted
            self[type].forced.formUnion(added)
            for name in removed where !isWildcard { forget(type, name) }
        }
        return outputs + flush(now: now)
    }

    /// A delta request: changes of the subscription, and an answer to a response when `nonce` is set.
    mutating func receive(
        _ type: ResourceType,
        subscribe: [String],
        unsubscribe: [String],
        initialVersions: [String: String],
        nonce: String,
        rejection: String?,
        now: MonotonicTime
    ) -> [Output] {
        var outputs: [Output] = []
        let isFirst = !self[type].isKnown
        if isFirst {
            self[type].reset()
            self[type].held = initialVersions
            // Naming nothing at first is the older way to ask for everything.
            self[type].isWildcard = type.isComplete && subscribe.isEmpty
            self[type].owesAnswer = type.isComplete
            if !initialVersions.isEmpty { removalDeadline = now.advanced(by: Self.removalDelay) }
        } else if !nonce.isEmpty {
            outputs += answer(type, nonce: nonce, rejection: rejection, accepts: true, now: now)
        }
        for name in subscribe {
            if name == "*" {
                self[type].isWildcard = true
                self[type].owesAnswer = true
                continue
            }
            self[type].names.insert(name)
            // On a new stream a name whose version is current need not be sent again; later, asking again means
            // sending.
            if !isFirst || initialVersions[name] == nil { self[type].forced.insert(name) }
        }
        for name in unsubscribe {
            if name == "*" {
                self[type].isWildcard = false
                let names = self[type].names
                for held in self[type].held.keys where !names.contains(held) { forget(type, held) }
                continue
            }
            self[type].names.remove(name)
            if !self[type].isWildcard { forget(type, name) }
        }
        return outputs + flush(now: now)
    }

    private mutating func forget(_ type: ResourceType, _ name: String) {
        self[type].held[name] = nil
        self[type].forced.remove(name)
        self[type].unconfirmed.remove(name)
        if type == .endpoint { awaitedEndpoints.remove(name) }
    }

    /// The peer accepts or refuses what is outstanding.
    private mutating func answer(
        _ type: ResourceType,
        nonce: String,
        rejection: String?,
        accepts: Bool,
        now: MonotonicTime
    ) -> [Output] {
        guard let outstanding = self[type].outstanding, outstanding.nonce == nonce else {
            guard nonce == self[type].lastNonce else { return [] }
            if let rejection {
                // A second thought about something accepted before. Nothing is sent again for it.
                self[type].rejection = rejection
                lastSynced = nil
                return [.report(.rejected(type, revision: self[type].acceptedRevision, reason: rejection))]
            }
            if accepts, self[type].rejection != nil {
                self[type].rejection = nil
                self[type].unconfirmed = []
            }
            return []
        }
        self[type].outstanding = nil
        self[type].hasAnswered = true
        let partial = rejection.flatMap { PartialAcceptance.reason($0) }
        guard let rejection, partial == nil else {
            self[type].rejection = nil
            self[type].acceptedVersion = outstanding.version
            self[type].acceptedRevision = outstanding.revision
            accepted(type, outstanding, now: now)
            let revision = outstanding.revision
            let acceptance = Output.report(.accepted(type, revision: revision, version: outstanding.version))
            guard let partial else { return [acceptance] }
            return [acceptance, .report(.impaired(type, revision: revision, reason: partial))]
        }
        self[type].rejection = rejection
        self[type].unconfirmed.formUnion(outstanding.names)
        if type == .cluster || type == .endpoint { awaitedEndpoints = [] }
        return [.report(.rejected(type, revision: outstanding.revision, reason: rejection))]
    }

    private mutating func accepted(_ type: ResourceType, _ outstanding: TypeState.Outstanding, now: MonotonicTime) {
        if type == .endpoint { awaitedEndpoints.subtract(outstanding.names) }
        guard type == .cluster, !awaitedEndpoints.isEmpty else { return }
        // The peer asks for the endpoints at once, or it never will.
        let soon = now.advanced(by: Self.subscriptionDelay)
        gateDeadline = gateDeadline.map { min($0, soon) } ?? soon
    }
}
