internal import Crypto
internal import Foundation
internal import Logging
public import Resources
public import Store

/// What the admin API needs from the rest of the appliance.
public struct AdminConfiguration: Sendable {
    /// One line of `/readyz?verbose`.
    public struct ReadinessCheck: Sendable {
        public var name: String
        public var isReady: Bool

        public init(name: String, isReady: Bool) {
            self.name = name
            self.isReady = isReady
        }
    }

    public var store: ResourceStore
    public var admission: Admission
    /// SHA-256 of the admin token in the data directory; nil when there is none.
    public var adminTokenHash: [UInt8]?
    /// The directory behind `/ui/`; nil answers 404 there.
    public var publicDirectory: String?
    /// The release, `0.1.0`.
    public var version: String
    /// Seconds since 1970.
    public var now: @Sendable () -> Int64
    /// What must hold before traffic and clients are welcome; asked on every `/readyz`.
    public var readiness: @Sendable () async -> [ReadinessCheck]
    /// The merged metrics in Prometheus text format.
    public var metrics: @Sendable () async -> String
    /// The connected proxies, each an object with `metadata.name` and `status`; see `ProxyReport`.
    public var proxies: @Sendable () async -> [ProxyReport]
    /// Makes a join token for a service account, with a life in seconds; nil keeps opaque ones in the store
    /// (`ResourceStore.redeem`).
    public var issueJoinToken:
        (@Sendable (_ namespace: String, _ serviceAccount: String, _ seconds: Int64) async throws -> String)?
    /// Waits until a revision is programmed or the time is over, for `?wait=programmed`; true when it is.
    public var waitUntilProgrammed:
        (@Sendable (_ keys: [ResourceKey], _ revision: UInt64, _ limit: Duration) async -> Bool)?

    public init(
        store: ResourceStore,
        admission: Admission,
        adminTokenHash: [UInt8]? = nil,
        publicDirectory: String? = nil,
        version: String,
        now: @escaping @Sendable () -> Int64,
        readiness: @escaping @Sendable () async -> [ReadinessCheck] = { [] },
        metrics: @escaping @Sendable () async -> String = { "" },
        proxies: @escaping @Sendable () async -> [ProxyReport] = { [] }
    ) {
        self.store = store
        self.admission = admission
        self.adminTokenHash = adminTokenHash
        self.publicDirectory = publicDirectory
        self.version = version
        self.now = now
        self.readiness = readiness
        self.metrics = metrics
        self.proxies = proxies
    }
}

/// A connected proxy as `GET /apis/gatehouse.io/v1/proxies` shows it.
public struct ProxyReport: Sendable {
    /// The node id, `sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local`, or the name of a gateway.
    public var name: String
    /// `gateway` or `sidecar`.
    public var role: String
    public var address: String
    /// The newest revision it has acknowledged for every type.
    public var revision: UInt64
    /// It has acknowledged everything that it was sent.
    public var isSynced: Bool
    /// Seconds since 1970.
    public var connectedAt: Int64
    /// The newest rejection, if the proxy holds on to older configuration; empty otherwise.
    public var rejection: String

    public init(
        name: String,
        role: String,
        address: String,
        revision: UInt64,
        isSynced: Bool,
        connectedAt: Int64,
        rejection: String = ""
    ) {
        self.name = name
        self.role = role
        self.address = address
        self.revision = revision
        self.isSynced = isSynced
        self.connectedAt = connectedAt
        self.rejection = rejection
    }
}

/// The admin API without its transport: one request in, one answer out.
///
/// Order of decisions: Host and Origin, credentials, role, path, method, size, and only then the body. Whatever a
/// client sends, the answer is a `Status` with the reason; only a failure of the disk or of ours is a 5xx.
public final class AdminRouter: Sendable {
    let configuration: AdminConfiguration
    private let authenticator: Authenticator
    private let tree: PathTree<Endpoint>
    private let logger = Logger(label: "admin")

    public init(_ configuration: AdminConfiguration) {
        self.configuration = configuration
        authenticator = Authenticator(
            adminTokenHash: configuration.adminTokenHash,
            store: configuration.store,
            now: configuration.now
        )
        var tree = PathTree<Endpoint>()
        for endpoint in Endpoint.all { tree.insert(endpoint.template, endpoint) }
        self.tree = tree
    }

    /// What is known about a request so far, for the audit trail.
    private struct Progress {
        var caller: Caller?
        var operation: Operation?
    }

    public func handle(_ request: AdminRequest) async -> AdminResponse {
        let requestID = Self.requestID(request)
        var progress = Progress()
        var response: AdminResponse
        do throws(StatusError) {
            response = try await answer(request, requestID, &progress)
        } catch {
            if error.code >= 500 { logger.error("\(request.method) failed", metadata: ["request": .string(requestID)]) }
            response = Self.refusal(error, to: request, requestID)
        }
        await audit(request, requestID, progress.caller, progress.operation, response.status)
        response.setHeader("X-Request-Id", requestID)
        response.headers.append(("X-Content-Type-Options", "nosniff"))
        if response.header("Cache-Control") == nil { response.headers.append(("Cache-Control", "no-cache, private")) }
        if request.method == "HEAD" { response.body = .bytes([]) }
        return response
    }

    private func answer(
        _ request: AdminRequest,
        _ requestID: String,
        _ progress: inout Progress
    ) async throws(StatusError) -> AdminResponse {
        let root = APIRoot(request.path)
        let match = tree.match(root.path)
        try OriginGuard.check(request)
        let operation = match?.entry.operations[request.method == "HEAD" ? "GET" : request.method]
        progress.operation = operation
        var caller = Caller.anonymous
        if operation?.isPublic != true {
            do throws(StatusError) {
                caller = try authenticator.caller(of: request)
            } catch {
                throw Self.challenge(error, for: operation)
            }
        }
        progress.caller = caller
        guard let match else { throw .notFound() }
        guard let operation else {
            let allowed = match.entry.allowedMethods
            guard request.method == "OPTIONS" else { throw .methodNotAllowed(allowed) }
            return AdminResponse(status: 204, headers: [("Allow", allowed.joined(separator: ", "))])
        }
        var call = try Call(request, operation, match, caller, requestID: requestID)
        if !operation.isPublic {
            try Authorizer(caller: caller, resources: configuration.store.current).require(call.access)
        }
        guard !request.isBodyTooLarge, request.body.count <= AdminRequest.bodyBytesMax else { throw .tooLarge() }
        do {
            if let revision = root.revision { try await enter(revision, &call) }
            return try await run(call)
        } catch {
            throw Self.statusError(error, logger)
        }
    }

    /// `/revisions/N/` before a path: the same API over the state after that revision, for reading only.
    private func enter(_ revision: String, _ call: inout Call) async throws {
        guard call.operation.isRead, !call.query.isSet("watch") else {
            throw StatusError.methodNotAllowed(["GET", "HEAD"])
        }
        let allowed = Authorizer(caller: call.caller, resources: configuration.store.current)
        try allowed.require(
            .resource(verb: "get", group: "gatehouse.io", resource: "revisions", namespace: "", name: revision)
        )
        guard let set = try await configuration.store.resources(at: try Self.revision(revision)) else {
            throw Self.unknownRevision(revision)
        }
        call.snapshot = set
    }

    private func run(_ call: Call) async throws -> AdminResponse {
        // A write whose answer could not be written must not happen.
        if !call.operation.isRead { _ = try call.representation() }
        switch call.operation {
        case .live: return .text("ok")
        case .ready: return await ready(call)
        case .version: return version(call)
        case .metrics:
            return .text(await configuration.metrics(), contentType: "text/plain; version=0.0.4; charset=utf-8")
        case .openAPI: return openAPI(call)
        case .openAPIVersion2: return openAPIVersion2(call)
        case .openAPIGroups: return .json(OpenAPIGroups.index)
        case .openAPIGroup(let isCore): return try openAPIGroup(isCore: isCore, call)
        case .page: return try page(call)
        case .coreVersions, .groups, .group, .kinds: return try discovery(call)
        case .list(let kind): return try await list(kind, namespace: call.namespace, call)
        case .listEverywhere(let kind): return try await list(kind, namespace: nil, call)
        case .get(let kind), .getStatus(let kind): return try get(kind, call)
        case .create(let kind): return try await create(kind, call)
        case .replace(let kind): return try await replace(kind, call)
        case .patch(let kind): return try await patch(kind, isStatus: false, call)
        case .delete(let kind): return try await delete(kind, call)
        case .deleteCollection(let kind): return try await deleteCollection(kind, call)
        case .replaceStatus(let kind): return try await replaceStatus(kind, call)
        case .patchStatus(let kind): return try await patch(kind, isStatus: true, call)
        case .createToken: return try await createToken(call)
        case .listTokens: return try listTokens(call)
        case .deleteToken: return try await deleteToken(call)
        case .applyBatch: return try await applyBatch(call)
        case .listProxies: return try await listProxies(call)
        case .listDefinitions: return try definitions(call)
        case .getDefinition: return try definition(call)
        case .accessReview: return try accessReview(call)
        case .rulesReview: return try rulesReview(call)
        case .whoAmI: return try whoAmI(call)
        case .listRevisions: return try await listRevisions(call)
        case .getRevision: return try await getRevision(call)
        case .diffRevision: return try await diffRevision(call)
        case .rollback: return try await rollback(call)
        case .listAuditEvents: return try await listAuditEvents(call)
        case .verifyAudit: return try await verifyAudit(call)
        }
    }

    // MARK: Errors

    static func refusal(_ error: StatusError, to request: AdminRequest, _ requestID: String) -> AdminResponse {
        let wantsProblem = Representation.wantsProblemDetails(request.values(of: "accept"))
        let body = wantsProblem ? error.problem(instance: request.path, requestID: requestID) : error.status
        var headers = [("Content-Type", wantsProblem ? "application/problem+json" : "application/json")]
        if let seconds = error.retryAfterSeconds { headers.append(("Retry-After", String(seconds))) }
        for (name, value) in error.headers.sorted(by: { $0.key < $1.key }) { headers.append((name, value)) }
        return AdminResponse(status: error.code, headers: headers, body: .bytes(body.serialized() + [0x0A]))
    }

    /// Browsers ask for a password only when Basic is offered; only the pages offer it.
    private static func challenge(_ error: StatusError, for operation: Operation?) -> StatusError {
        guard error.code == 401, operation == .page else { return error }
        var copy = error
        copy.headers["WWW-Authenticate"] = "Basic realm=\"gatehouse: any user, token as password\", charset=\"UTF-8\""
        return copy
    }

    private static func statusError(_ error: any Error, _ logger: Logger) -> StatusError {
        switch error {
        case let error as StatusError: return error
        case let error as AdmissionError: return StatusError(error)
        case let error as StoreError:
            logger.error("the store: \(error.detail)")
            return StatusError(error)
        default:
            logger.error("unexpected \(type(of: error))")
            return .internalError()
        }
    }

    /// The client's own id when it is a plain one, so that its log and ours can be joined; else a new one.
    private static func requestID(_ request: AdminRequest) -> String {
        if let id = request.header("x-request-id"), (1...64).contains(id.utf8.count),
            id.utf8.allSatisfy({
                $0 == 0x2D || $0 == 0x5F || 0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0
            })
        {
            return id
        }
        return SecureRandom.uuid()
    }
}

/// Which state a path is about: the present, or a revision of the past that stands before the rest of the path, so that
/// `kubectl --server https://HOST/revisions/41` sees a whole API of its own.
private struct APIRoot {
    var path: String
    var revision: String?

    init(_ whole: String) {
        path = whole
        let prefix = "/revisions/"
        guard whole.hasPrefix(prefix) else { return }
        let rest = whole.dropFirst(prefix.count)
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        revision = String(rest[..<end])
        path = end == rest.endIndex ? "/" : String(rest[end...])
    }
}
