internal import Resources
internal import Store

/// One request after routing and authentication, with everything that handlers ask of it.
struct Call: Sendable {
    let request: AdminRequest
    let operation: Operation
    let caller: Caller
    let requestID: String
    let query: QueryParameters
    /// From the path; empty when the template has no such parameter.
    private(set) var group = ""
    private(set) var version = ""
    private(set) var namespace = ""
    private(set) var name = ""
    private(set) var rest = ""
    /// The state of the past that the request is about (`/revisions/N/…`); nil for the present.
    var snapshot: ResourceSet?

    init(
        _ request: AdminRequest,
        _ operation: Operation,
        _ match: PathTree<Endpoint>.Match,
        _ caller: Caller,
        requestID: String
    ) throws(StatusError) {
        self.request = request
        self.operation = operation
        self.caller = caller
        self.requestID = requestID
        query = QueryParameters(request.query)
        for (parameter, value) in zip(match.entry.parameters, match.parameters) {
            switch parameter {
            case .group: group = value
            case .version: version = value
            case .namespace: namespace = value
            case .name: name = value
            case .rest: rest = value
            }
        }
    }

    /// How answers to this request are written.
    /// - Throws: 406.
    func representation() throws(StatusError) -> Representation {
        guard let representation = Representation.preferred(request.values(of: "accept")) else {
            throw .notAcceptable()
        }
        return representation
    }

    var isDryRun: Bool {
        get throws(StatusError) {
            let values = query.all("dryRun").filter { !$0.isEmpty }
            guard values.allSatisfy({ $0 == "All" }) else {
                throw .badRequest("invalid dryRun: only \"All\" is supported")
            }
            return !values.isEmpty
        }
    }

    var isPretty: Bool { query.isSet("pretty") }

    /// The apiVersion under which the path asks for a kind.
    /// - Throws: 404 when the kind is not served in the version of the path.
    func apiVersion(of kind: ResourceKind) throws(StatusError) -> String {
        let descriptor = kind.descriptor
        if version.isEmpty { return descriptor.storageAPIVersion }
        guard descriptor.versions.contains(version) else { throw .notFound() }
        return descriptor.apiVersion(version)
    }

    func key(_ kind: ResourceKind) -> ResourceKey { ResourceKey(kind, namespace: namespace, name: name) }

    func writeContext(verb: String, isDryRun: Bool) -> WriteContext {
        WriteContext(
            user: caller.user,
            source: request.peerAddress,
            agent: String((request.header("user-agent") ?? "").prefix(200)),
            verb: verb,
            uri: request.path,
            requestID: requestID,
            message: String((query["message"] ?? "").prefix(1000)),
            isDryRun: isDryRun
        )
    }
}

extension AdminResponse {
    static func text(_ text: String, status: Int = 200, contentType: String = "text/plain; charset=utf-8")
        -> AdminResponse
    {
        AdminResponse(status: status, headers: [("Content-Type", contentType)], body: .bytes(Array(text.utf8)))
    }

    static func json(_ value: JSONValue, status: Int = 200, isPretty: Bool = false) -> AdminResponse {
        AdminResponse(
            status: status,
            headers: [("Content-Type", "application/json")],
            body: .bytes(value.serialized(pretty: isPretty) + [0x0A])
        )
    }
}
