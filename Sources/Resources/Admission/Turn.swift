/// One decision in progress: the actions of a change, one after the other, on a copy of the state.
struct Turn {
    static let builtInNamespaces: Set<String> = ["default", "istio-system", "kube-system"]
    static let stale =
        "the object has been modified; please apply your changes to the latest version and try again"

    let environment: Admission.Environment
    let now: Timestamp
    let current: ResourceSet
    var working: ResourceSet
    /// By action; what follows from deletions and references comes after.
    var results: [AdmittedChange.Result?]
    var invalid: [(action: Int, key: ResourceKey, violations: [Violation])] = []
    private(set) var isStatusOnly = true
    private var takenAddresses: Set<String>?
    /// Where the result of a key stands in `results`.
    private(set) var positions: [ResourceKey: Int] = [:]

    init(environment: Admission.Environment, current: ResourceSet, count: Int) {
        self.environment = environment
        now = Timestamp(secondsSinceEpoch: environment.now())
        self.current = current
        working = current
        results = Array(repeating: nil, count: count)
    }

    mutating func perform(_ action: Change.Action, _ index: Int) throws(AdmissionError) {
        switch action {
        case .create(let resource, let source):
            try create(prepare(resource), source, index)
        case .update(let resource, let conditions, let source):
            try update(prepare(resource), conditions, source, index)
        case .put(let resource, let source):
            let resource = prepare(resource)
            if !resource.metadata.name.isEmpty, working.contains(resource.key) {
                try update(resource, .init(), source, index)
            } else if resource.metadata.resourceVersion.isEmpty {
                try create(resource, source, index)
            } else {
                throw .notFound(resource.key)
            }
        case .updateStatus(let key, let status, let conditions):
            try updateStatus(key, status, conditions, index)
        case .delete(let key, let conditions):
            try delete(key, conditions, index)
        case .terminate(let key, let conditions):
            try delete(key, conditions, index, isMarkedOnly: true)
        }
    }

    // MARK: Writes

    /// Fills what a manifest may leave out.
    private func prepare(_ resource: Resource) -> Resource {
        var resource = resource
        if !resource.kind.isNamespaced {
            resource.metadata.namespace = ""
        } else if resource.metadata.namespace.isEmpty {
            resource.metadata.namespace = Manifest.defaultNamespace
        }
        if resource.metadata.name.isEmpty, let prefix = resource.metadata.generateName {
            let suffix = environment.makeUID().utf8.filter { Names.isLowerAlphanumeric($0) }.prefix(8)
            resource.metadata.name = prefix + String(decoding: suffix, as: UTF8.self)
        }
        return resource.withSecretTextMoved()
    }

    mutating func claim(_ key: ResourceKey, _ index: Int) throws(AdmissionError) {
        guard positions[key] == nil else {
            throw .conflict(key, message: "\(key) is named twice in one request")
        }
        positions[key] = index
    }

    private mutating func create(_ resource: Resource, _ source: SourceMap?, _ index: Int) throws(AdmissionError) {
        var resource = resource
        let key = resource.key
        if !key.name.isEmpty {
            guard !working.contains(key) else { throw .alreadyExists(key) }
            try claim(key, index)
        }
        let namespace = resource.metadata.namespace
        if !namespace.isEmpty, Names.isLowerLabel(namespace) {
            let owner = ResourceKey(.namespace, namespace: "", name: namespace)
            guard let found = working[owner] else { throw .notFound(owner) }
            if found.metadata.deletionTimestamp != nil {
                throw .forbidden(key, message: "the namespace \(namespace) is being deleted")
            }
        }
        var extra: [Violation] = []
        if !resource.metadata.resourceVersion.isEmpty {
            let path = JSONPath() / "metadata" / "resourceVersion"
            let message = "must not be set on objects to be created"
            extra.append(Violation(path: path, rule: "metadata.resource-version", message: message))
        }
        resource.metadata.uid = environment.makeUID()
        resource.metadata.creationTimestamp = now
        resource.metadata.deletionTimestamp = nil
        resource.metadata.generation = resource.kind.descriptor.hasSpec ? 1 : 0
        resource.status = resource.kind == .namespace ? ["phase": "Active"] : nil
        guard let warnings = check(resource, extra, source, index) else { return }
        assignAddresses(to: &resource)
        accept(resource, previous: nil, .created, warnings, at: index)
    }

    private mutating func assignAddresses(to resource: inout Resource) {
        guard resource.kind == .serviceEntry else { return }
        var taken = takenAddresses ?? VirtualAddresses.taken(in: working)
        VirtualAddresses.assign(to: &resource, taken: &taken)
        takenAddresses = taken
    }

    private mutating func update(
        _ resource: Resource,
        _ conditions: Change.Preconditions,
        _ source: SourceMap?,
        _ index: Int
    ) throws(AdmissionError) {
        var resource = resource
        let key = resource.key
        guard let previous = working[key] else { throw .notFound(key) }
        try claim(key, index)
        try verify(conditions, previous)
        let own = Change.Preconditions(
            resourceVersion: resource.metadata.resourceVersion.isEmpty ? nil : resource.metadata.resourceVersion,
            uid: resource.metadata.uid.isEmpty ? nil : resource.metadata.uid
        )
        try verify(own, previous)
        resource.keepServerFields(of: previous)
        let isSame =
            resource.metadata == previous.metadata && resource.apiVersion == previous.apiVersion
            && JSONValue.object(resource.body).isEquivalent(to: .object(previous.body))
        let extra = Immutability.violations(resource, previous)
        guard let warnings = check(resource, extra, source, index) else { return }
        if isSame {
            results[index] = AdmittedChange.Result(
                key: key,
                outcome: .unchanged,
                resource: previous,
                previous: previous,
                warnings: warnings
            )
            return
        }
        if resource.metadata.deletionTimestamp != nil, resource.metadata.finalizers.isEmpty {
            return remove(resource, at: index)
        }
        assignAddresses(to: &resource)
        accept(resource, previous: previous, .configured, warnings, at: index)
    }

    private mutating func updateStatus(
        _ key: ResourceKey,
        _ status: JSONValue?,
        _ conditions: Change.Preconditions,
        _ index: Int
    ) throws(AdmissionError) {
        guard let previous = working[key] else { throw .notFound(key) }
        try claim(key, index)
        try verify(conditions, previous)
        if let status, status.objectValue == nil {
            let violation = Violation(path: JSONPath() / "status", rule: "schema.type", message: "must be an object")
            invalid.append((index, key, [violation]))
            return
        }
        var resource = previous
        resource.status = status
        let isSame = (status ?? .null).isEquivalent(to: previous.status ?? .null)
        if !isSame { working.insert(resource) }
        results[index] = AdmittedChange.Result(
            key: key,
            outcome: isSame ? .unchanged : .configured,
            resource: resource,
            previous: previous,
            warnings: []
        )
    }

    func verify(_ conditions: Change.Preconditions, _ previous: Resource) throws(AdmissionError) {
        if let uid = conditions.uid, uid != previous.metadata.uid {
            throw .conflict(previous.key, message: "the uid is \(previous.metadata.uid), not \(uid)")
        }
        if let version = conditions.resourceVersion, version != previous.metadata.resourceVersion {
            throw .conflict(previous.key, message: Self.stale)
        }
    }

    /// Nil after recording violations.
    private mutating func check(
        _ resource: Resource,
        _ extra: [Violation],
        _ source: SourceMap?,
        _ index: Int
    ) -> [Warning]? {
        var findings = Findings(namespace: resource.metadata.namespace)
        Rules.check(resource, &findings)
        if case .secret(let secret) = resource.spec {
            SecretMaterial.check(secret, now: now.secondsSinceEpoch, &findings)
        }
        if resource.kind == .meshConfig, resource.metadata.name != "default" {
            findings.inside("metadata") { $0.error(at: "name", "mesh.name", "there is one MeshConfig, named default") }
        }
        var violations = findings.violations + extra
        for (place, path) in ResourceFiles.paths(in: resource) {
            guard let fault = fault(ofPath: path) else { continue }
            violations.append(Violation(path: place, rule: "file.path", message: fault))
        }
        guard violations.isEmpty else {
            let json = resource.json()
            invalid.append((index, resource.key, Resource.locate(violations, json, source)))
            return nil
        }
        return findings.warnings
    }

    private func fault(ofPath path: String) -> String? {
        guard let root = environment.resourceRoot else {
            return "files are not read unless the server is started with --resource-root; use a Secret (credentialName)"
        }
        guard ResourceFiles.resolve(path, root: root) == nil else { return nil }
        return "must be an absolute path without . and .. parts"
    }

    mutating func accept(
        _ resource: Resource,
        previous: Resource?,
        _ outcome: AdmittedChange.Outcome,
        _ warnings: [Warning],
        at index: Int
    ) {
        isStatusOnly = false
        working.insert(resource)
        results[index] = AdmittedChange.Result(
            key: resource.key,
            outcome: outcome,
            resource: resource,
            previous: previous,
            warnings: warnings
        )
    }

    mutating func changedBeyondStatus() { isStatusOnly = false }

    /// A result that no action asked for.
    mutating func append(_ result: AdmittedChange.Result) {
        positions[result.key] = results.count
        results.append(result)
    }
}

extension Resource {
    /// `stringData` becomes part of `data`, as Kubernetes does on write.
    fileprivate func withSecretTextMoved() -> Resource {
        guard case .secret(var secret) = spec, body["stringData"] != nil else { return self }
        var copy = self
        var data = body["data"]?.objectValue ?? [:]
        for (key, text) in secret.stringData.sorted(by: { $0.key < $1.key }) {
            data[key] = .string(Base64.encode(text.utf8))
            secret.data[key] = Base64Data(Array(text.utf8))
        }
        secret.stringData = [:]
        copy.body["stringData"] = nil
        copy.body["data"] = .object(data)
        copy.spec = .secret(secret)
        return copy
    }

    /// What only the server decides stays; the generation counts changes of the spec.
    fileprivate mutating func keepServerFields(of previous: Resource) {
        metadata.uid = previous.metadata.uid
        metadata.creationTimestamp = previous.metadata.creationTimestamp
        metadata.deletionTimestamp = previous.metadata.deletionTimestamp
        metadata.resourceVersion = previous.metadata.resourceVersion
        metadata.generateName = metadata.generateName ?? previous.metadata.generateName
        creationSequence = previous.creationSequence
        status = previous.status
        let isSameSpec = JSONValue.object(body).isEquivalent(to: .object(previous.body))
        let counts = kind.descriptor.hasSpec
        metadata.generation = previous.metadata.generation + (counts && !isSameSpec ? 1 : 0)
    }
}

/// Fields that do not change once an object exists.
enum Immutability {
    static func violations(_ resource: Resource, _ previous: Resource) -> [Violation] {
        var violations: [Violation] = []
        func refuse(_ key: String, _ message: String) {
            violations.append(Violation(path: JSONPath() / key, rule: "immutable", message: message))
        }
        switch (resource.spec, previous.spec) {
        case (.secret(let new), .secret(let old)):
            if new.type ?? "Opaque" != old.type ?? "Opaque" {
                refuse("type", "cannot be changed; delete the Secret first")
            }
            guard old.immutable == true else { break }
            if new.data != old.data { refuse("data", "cannot be changed: the Secret is immutable") }
            if new.immutable != true { refuse("immutable", "cannot be taken back") }
        case (.configMap(let new), .configMap(let old)) where old.immutable == true:
            if new.data != old.data || new.binaryData != old.binaryData {
                refuse("data", "cannot be changed: the ConfigMap is immutable")
            }
            if new.immutable != true { refuse("immutable", "cannot be taken back") }
        case (.endpointSlice(let new), .endpointSlice(let old)) where new.addressType != old.addressType:
            refuse("addressType", "cannot be changed; delete the EndpointSlice first")
        case (.roleBinding(let new), .roleBinding(let old)) where new.roleRef != old.roleRef:
            refuse("roleRef", "cannot be changed; delete the RoleBinding first")
        case (.clusterRoleBinding(let new), .clusterRoleBinding(let old)) where new.roleRef != old.roleRef:
            refuse("roleRef", "cannot be changed; delete the ClusterRoleBinding first")
        default:
            break
        }
        return violations
    }
}
