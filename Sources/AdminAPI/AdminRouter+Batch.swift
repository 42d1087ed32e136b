internal import Resources
internal import Store

extension AdminRouter {
    /// `POST /apis/gatehouse.io/v1/apply`: several documents, one revision, all or none.
    func applyBatch(_ call: Call) async throws -> AdminResponse {
        let batch = try Batch(call)
        let context = call.writeContext(verb: "apply", isDryRun: try call.isDryRun)
        let admission = configuration.admission
        let policy = try WritePolicy(call, now: configuration.now())
        let outcome: CommitOutcome
        do {
            outcome = try await configuration.store.commit(context) { current in
                var change = try batch.change(against: current)
                for index in change.actions.indices {
                    try policy.authorize(change.actions[index], current)
                    change.actions[index] = try policy.settled(change.actions[index], current)
                }
                return try admission.admit(change, against: current)
            }
        } catch AdmissionError.invalid(let objects) {
            throw batch.refusal(objects.map { ($0.action, $0.violations) })
        }
        var seen: Set<Warning> = []
        let warnings = (batch.items.flatMap(\.warnings) + outcome.change.warnings).filter { seen.insert($0).inserted }
        let results = outcome.change.results.enumerated().map { index, result in
            Self.result(result, document: batch.items.indices.contains(index) ? batch.items[index].document : nil)
        }
        let body: JSONValue = [
            "kind": "ApplyResult", "apiVersion": "gatehouse.io/v1", "metadata": [:],
            "status": [
                "revision": .int(Int64(clamping: outcome.revision)), "dryRun": .bool(context.isDryRun),
                "results": .array(results), "warnings": .array(warnings.map { .string($0.description) }),
            ],
        ]
        var response =
            try call.representation() == .yaml ? AdminResponse.yaml(body) : .json(body, isPretty: call.isPretty)
        response.setHeader("Gatehouse-Revision", String(outcome.revision))
        response.add(warnings)
        return response
    }

    static func result(_ result: AdmittedChange.Result, document: Int?) -> JSONValue {
        let action =
            switch result.outcome {
            case .created: "created"
            case .configured: "configured"
            case .unchanged: "unchanged"
            case .deleted: document == nil ? "pruned" : "deleted"
            }
        var object = JSONObject()
        if let document { object["doc"] = .int(Int64(document)) }
        object["kind"] = .string(result.key.kind.rawValue)
        if !result.key.namespace.isEmpty { object["namespace"] = .string(result.key.namespace) }
        object["name"] = .string(result.key.name)
        object["action"] = .string(action)
        object["resourceVersion"] = .string(result.resource.metadata.resourceVersion)
        return .object(object)
    }
}

/// The documents of a batch, decoded.
struct Batch: Sendable {
    enum Mode: String, Sendable {
        case apply, create, replace, delete
    }

    struct Item: Sendable {
        /// The position in the body, counted from 0; items of a List share their document's.
        var document: Int
        var resource: Resource
        var source: SourceMap?
        var warnings: [Warning]
    }

    let mode: Mode
    let prune: LabelSelector?
    let revision: UInt64?
    /// In an order in which references inside of the batch resolve: namespaces first.
    let items: [Item]

    /// - Throws: 400 when a document is not readable, 422 with the violations of all documents.
    init(_ call: Call) throws(StatusError) {
        guard let mode = Mode(rawValue: call.query["mode"] ?? "apply") else {
            throw .badRequest("invalid mode: use apply, create, replace or delete")
        }
        self.mode = mode
        prune = try call.query["prune"].map { text throws(StatusError) in try LabelSelector(query: text) }
        if let prune, prune.isEverything { throw .badRequest("prune needs a label selector that selects something") }
        if let text = call.query["ifRevision"] ?? call.request.header("if-match-revision") {
            guard let number = UInt64(text) else { throw .badRequest("ifRevision must be a number") }
            revision = number
        } else {
            revision = nil
        }
        let validation = try BodyReader.FieldValidation(call.query["fieldValidation"])
        var items: [Item] = []
        var causes: [StatusError.Cause] = []
        for (index, document) in try Self.flattened(BodyReader.documents(call.request)).enumerated() {
            do throws(DecodeFailure) {
                let value = Self.settled(document.value)
                let decoded = try BodyReader.decode(value, source: document.source, validation)
                items.append(
                    Item(
                        document: index,
                        resource: decoded.resource,
                        source: document.source,
                        warnings: decoded.warnings
                    )
                )
            } catch {
                causes += error.violations.map { .init($0, prefix: "documents[\(index)]") }
            }
        }
        guard causes.isEmpty else { throw Self.refusal(causes) }
        guard !items.isEmpty else { throw .badRequest("the body has no documents") }
        self.items = items.sorted { ($0.resource.kind, $0.document) < ($1.resource.kind, $1.document) }
    }

    func change(against current: ResourceSet) throws(StatusError) -> Change {
        var actions = items.map { item -> Change.Action in
            switch mode {
            case .apply: .put(item.resource, source: item.source)
            case .create: .create(item.resource, source: item.source)
            case .replace: .update(item.resource, source: item.source)
            case .delete: .delete(item.resource.key)
            }
        }
        if let prune {
            let kept = Set(items.map(\.resource.key))
            for kind in Set(items.map(\.resource.kind)).sorted(by: >) {
                for resource in current.all(kind) where !kept.contains(resource.key) {
                    guard prune.matches({ resource.metadata.labels[$0] }) else { continue }
                    actions.append(.delete(resource.key))
                }
            }
        }
        return Change(actions, ifRevision: revision)
    }

    /// The refusal of admission, with positions in the batch turned into positions in the body.
    func refusal(_ objects: [(action: Int, violations: [Violation])]) -> StatusError {
        Self.refusal(
            objects.flatMap { object -> [StatusError.Cause] in
                let document = items.indices.contains(object.action) ? items[object.action].document : object.action
                return object.violations.map { .init($0, prefix: "documents[\(document)]") }
            }
        )
    }

    private static func refusal(_ causes: [StatusError.Cause]) -> StatusError {
        let sentences = causes.map { cause in
            cause.line.map { "\(cause.field): \(cause.message) (line \($0))" } ?? "\(cause.field): \(cause.message)"
        }
        let list = sentences.count == 1 ? sentences[0] : "[\(sentences.joined(separator: ", "))]"
        return StatusError(
            code: 422,
            reason: "Invalid",
            message: "nothing was stored: \(list)",
            kind: "applies",
            group: "gatehouse.io",
            causes: causes
        )
    }

    /// A `List` stands for its items.
    private static func flattened(_ documents: [Manifest.Document]) -> [(value: JSONValue, source: SourceMap)] {
        var all: [(value: JSONValue, source: SourceMap)] = []
        for document in documents {
            guard let kind = document.value["kind"]?.stringValue, kind.hasSuffix("List"),
                let items = document.value["items"]?.arrayValue,
                let position = document.value.objectValue?.position(of: "items")
            else {
                all.append((document.value, document.source))
                continue
            }
            let children = document.source.children
            let sources = children.indices.contains(position) ? children[position].children : []
            for (index, item) in items.enumerated() {
                all.append((item, sources.indices.contains(index) ? sources[index] : document.source))
            }
        }
        return all
    }

    /// A manifest without a namespace goes to `default`.
    private static func settled(_ value: JSONValue) -> JSONValue {
        guard case .object(var object) = value, let word = object["kind"]?.stringValue,
            let kind = ResourceKind(rawValue: word), kind.descriptor.isNamespaced,
            var metadata = (object["metadata"] ?? [:]).objectValue, metadata["namespace"]?.stringValue ?? "" == ""
        else { return value }
        metadata["namespace"] = .string(Manifest.defaultNamespace)
        object["metadata"] = .object(metadata)
        return .object(object)
    }
}
