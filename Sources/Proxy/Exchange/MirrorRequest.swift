internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream
internal import XDS

/// A copy of a finished request sent to another cluster; nobody waits for its answer.
///
/// Source: Envoy `request_mirror_policies`: the host gets `-shadow` appended, the answer is dropped, failures are only
/// counted by the cluster. Mirrored requests take memory of their own; they are not the usual case.
final class MirrorRequest: StreamWaiter {
    private final class Consumer: ClientStreamConsumer {
        let mirror: MirrorRequest

        init(_ mirror: MirrorRequest) { self.mirror = mirror }

        override func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {
            mirror.cluster.statistics.pointee.countResponse(status: Int(head.status))
            if endStream { mirror.finish() }
        }
        override func onEnd(_ stream: ClientStream) { mirror.finish() }
        override func onReset(_ stream: ClientStream, _ failure: StreamFailure) { mirror.finish() }
    }

    private final class Deadline: LoopTimer {
        let mirror: MirrorRequest

        init(_ mirror: MirrorRequest) { self.mirror = mirror }

        override func fire() { mirror.finish() }
    }

    private let cluster: ClusterRuntime
    private let head: MessageHead
    private let body: [UInt8]
    private let isHTTP2: Bool
    private var host: UpstreamHost?
    private var stream: ClientStream?
    private var deadline: Deadline?
    private var isOver = false

    /// - Parameter body: the whole content of the request.
    static func send(
        _ head: MessageHead,
        body: UnsafeRawBufferPointer,
        to cluster: ClusterRuntime,
        isHTTP2: Bool,
        timeout: Duration
    ) {
        let mirror = MirrorRequest(cluster, head.copy(), Array(body), isHTTP2)
        let deadline = Deadline(mirror)
        mirror.deadline = deadline
        cluster.environment.loop.schedule(deadline, after: timeout > .zero ? timeout : .seconds(60))
        mirror.begin()
    }

    private init(_ cluster: ClusterRuntime, _ head: MessageHead, _ body: [UInt8], _ isHTTP2: Bool) {
        self.cluster = cluster
        self.head = head
        self.body = body
        self.isHTTP2 = isHTTP2
        super.init()
        var shadow = Array(head.authority)
        let suffix = Array("-shadow".utf8)
        let port = shadow.lastIndex(of: 58).flatMap {
            shadow[$0...].dropFirst().allSatisfy { $0 &- 48 < 10 } ? $0 : nil
        }
        shadow.insert(contentsOf: suffix, at: port ?? shadow.count)
        shadow.withUnsafeBytes { head.setAuthority($0) }
    }

    private func begin() {
        guard case .success(let host) = cluster.pick(hash: nil, tried: TriedHosts(), picks: 0),
            cluster.beginRequest(on: host)
        else {
            finish()
            return
        }
        self.host = host
        let pool = cluster.pool(of: host, requestHost: head.authority, isHTTP2: isHTTP2)
        switch pool.lease(self) {
        case .connection(let connection): connectionIsReady(connection)
        case .waiting: break
        case .overflow, .failed: finish()
        }
    }

    override func connectionIsReady(_ connection: ClientConnection) {
        guard !isOver, let stream = connection.open(Consumer(self)) else {
            finish()
            return
        }
        self.stream = stream
        stream.sendHead(head, endStream: body.isEmpty)
        if !body.isEmpty { body.withUnsafeBytes { stream.sendData($0, endStream: true) } }
    }

    override func connectionFailed(_ failure: ConnectFailure) { finish() }

    private func finish() {
        guard !isOver else { return }
        isOver = true
        cancelWait()
        deadline?.cancel()
        deadline = nil
        if let host { cluster.endRequest(on: host) }
        if let stream, !stream.isResponseComplete {
            stream.consumer = nil
            stream.reset(.cancel)
        }
        stream = nil
    }
}

extension Exchange {
    /// Sends the finished request to those who are to see a copy. A body too large to keep is not mirrored.
    func mirror() {
        guard let forward, !forward.mirrors.isEmpty, let stream, !wantsUpgrade else { return }
        guard bytesReceived == UInt64(body.count) else { return }
        for copy in forward.mirrors {
            guard copy.share.holds(random: worker.random.next()), let cluster = worker.clusters[copy.cluster] else {
                continue
            }
            MirrorRequest.send(
                stream.head,
                body: body.bytes,
                to: cluster,
                isHTTP2: stream.connection.version == .http2,
                timeout: forward.timeout
            )
        }
    }
}
