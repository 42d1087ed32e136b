extension Turn {
    mutating func delete(
        _ key: ResourceKey,
        _ conditions: Change.Preconditions,
        _ index: Int,
        isMarkedOnly: Bool = false
    ) throws(AdmissionError) {
        guard let resource = working[key] else { throw .notFound(key) }
        if key.kind == .namespace, Self.builtInNamespaces.contains(key.name) {
            throw .forbidden(key, message: "the namespace \(key.name) cannot be deleted")
        }
        try verify(conditions, resource)
        try claim(key, index)
        if isMarkedOnly || !resource.metadata.finalizers.isEmpty {
            guard resource.metadata.deletionTimestamp == nil else {
                results[index] = AdmittedChange.Result(
                    key: key,
                    outcome: .unchanged,
                    resource: resource,
                    previous: resource,
                    warnings: []
                )
                return
            }
            var marked = resource
            marked.metadata.deletionTimestamp = now
            if key.kind == .namespace { marked.status = ["phase": "Terminating"] }
            accept(marked, previous: resource, .configured, [], at: index)
            return
        }
        remove(resource, at: index)
    }

    /// Removes an object, then what is inside it (of a namespace) and what it owned.
    mutating func remove(_ resource: Resource, at index: Int) {
        changedBeyondStatus()
        working.remove(resource.key)
        results[index] = AdmittedChange.Result(
            key: resource.key,
            outcome: .deleted,
            resource: resource,
            previous: resource,
            warnings: []
        )
        var uids: Set<String> = [resource.metadata.uid]
        if resource.kind == .namespace {
            let inside = ResourceKind.allCases.filter(\.isNamespaced).flatMap {
                working.all($0, namespace: resource.metadata.name)
            }
            for item in inside {
                uids.insert(item.metadata.uid)
                follow(item)
            }
        }
        removeOwned(by: uids)
    }

    private mutating func removeOwned(by uids: Set<String>) {
        var uids = uids
        while true {
            let owned = working.filter { item in
                let owners = item.metadata.ownerReferences
                return !owners.isEmpty && owners.allSatisfy { uids.contains($0.uid) }
            }.sorted { $0.key < $1.key }
            guard !owned.isEmpty else { return }
            for item in owned {
                uids.insert(item.metadata.uid)
                follow(item)
            }
        }
    }

    private mutating func follow(_ item: Resource) {
        working.remove(item.key)
        // An object that this very request wrote goes without a trace.
        if let position = positions[item.key] {
            let previous = results[position]?.previous
            results[position] = AdmittedChange.Result(
                key: item.key,
                outcome: previous == nil ? .unchanged : .deleted,
                resource: previous ?? item,
                previous: previous,
                warnings: []
            )
            return
        }
        append(
            AdmittedChange.Result(key: item.key, outcome: .deleted, resource: item, previous: item, warnings: [])
        )
    }
}

extension Turn {
    /// Warns about references of written objects that lead nowhere, and keeps the condition `ResolvedRefs` true to the
    /// facts, of other objects too.
    mutating func resolveReferences() {
        let changed = results.compactMap { $0 }.filter { $0.outcome != .unchanged }
        guard !isStatusOnly, !changed.isEmpty else { return }
        let written = Set(changed.filter { $0.outcome != .deleted }.map(\.key))
        let concernsOthers = changed.contains { References.concernsOthers($0) }
        let needsReferences = concernsOthers || written.contains { References.referringKinds.contains($0.kind) }
        let references = needsReferences ? References(working) : nil
        let conflicts = Conflicts(working, asksForHosts: written.contains { $0.kind == .virtualService })
        for key in written.sorted() {
            guard let resource = working[key] else { continue }
            settle(resource, references?.unresolved(resource), isWritten: true)
            if let position = positions[key] { results[position]?.warnings += conflicts.warnings(for: resource) }
        }
        guard concernsOthers, let references else { return }
        for kind in References.referringKinds {
            for resource in working.all(kind) where !written.contains(resource.key) {
                let unresolved = references.unresolved(resource)
                guard !References.isAlreadyReported(unresolved ?? [], in: resource.status) else { continue }
                settle(resource, unresolved, isWritten: false)
            }
        }
    }

    private mutating func settle(_ resource: Resource, _ unresolved: [Warning]?, isWritten: Bool) {
        let descriptor = resource.kind.descriptor
        guard descriptor.group == "networking.istio.io" || descriptor.group == "gatehouse.io" else { return }
        var copy = resource
        let generation = resource.metadata.generation
        if isWritten {
            let accepted = Conditions.Wanted("Accepted", .yes, reason: "Accepted", message: "the object is valid")
            copy.status = Conditions.setting(accepted, in: copy.status, generation: generation, now: now)
        }
        let missing = unresolved ?? []
        let resolved =
            missing.isEmpty
            ? Conditions.Wanted("ResolvedRefs", .yes, reason: "ResolvedRefs", message: "all references resolve")
            : Conditions.Wanted(
                "ResolvedRefs",
                .no,
                reason: "ReferenceNotFound",
                message: References.summary(missing)
            )
        copy.status = Conditions.setting(resolved, in: copy.status, generation: generation, now: now)
        guard copy.status != resource.status || isWritten else { return }
        working.insert(copy)
        if let position = positions[resource.key] {
            results[position]?.resource = copy
            results[position]?.warnings += missing.prefix(20)
        } else {
            append(
                AdmittedChange.Result(
                    key: copy.key,
                    outcome: .configured,
                    resource: copy,
                    previous: resource,
                    warnings: []
                )
            )
        }
    }

    /// Numbers the events in the order of the results and makes the new state.
    func finish() -> AdmittedChange {
        var resulting = working
        var version = current.resourceVersion
        let numbered = results.compactMap { $0 }.map { result in
            guard result.outcome != .unchanged else { return result }
            version += 1
            var copy = result
            copy.resource.metadata.resourceVersion = String(version)
            if result.outcome == .created { copy.resource.creationSequence = version }
            if result.outcome != .deleted { resulting.insert(copy.resource) }
            return copy
        }
        resulting.resourceVersion = version
        let isChanged = numbered.contains { $0.outcome != .unchanged }
        if isChanged, !isStatusOnly { resulting.revision = current.revision + 1 }
        return AdmittedChange(results: numbered, baseRevision: current.revision, resulting: resulting)
    }
}
