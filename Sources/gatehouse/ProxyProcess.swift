internal import ArgumentParser
internal import Base
internal import CSys
internal import Discovery
internal import Foundation
internal import Proxy
internal import XDS

/// A gateway or sidecar process: identity, configuration feed, data plane, and an orderly end.
struct ProxyProcess: Sendable {
    private let settings: ProxySettings

    init(_ settings: ProxySettings) { self.settings = settings }

    func run() async throws {
        umask(0o077)
        try FileManager.default.createDirectory(
            atPath: settings.stateDirectory,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        let signals = Signals.stream()
        let link =
            settings.isSupervised ? SupervisorLink(onChildren: { _ in }, onEnd: { leave(1) }) : nil
        let credential = WorkloadCredential(settings)
        let proxy = try ProxyServer(options: options(link))
        let plane = DataPlane(proxy: proxy, credential: credential)
        let feeding = Task { try await feed(plane, credential) }
        let ready = Task { try await announce(plane, proxy, link) }
        let status = try await live(signals, feed: feeding, ready: ready, admin: { proxy.adminAddress?.description })
        feeding.cancel()
        ready.cancel()
        await withCheckedContinuation { done in
            proxy.drain(deadline: settings.drainTimeout) { done.resume() }
        }
        proxy.stop()
        if status != 0 { throw ExitCode(status) }
    }

    private func options(_ link: SupervisorLink?) -> ProxyOptions {
        var options = ProxyOptions(
            identity: ProxyIdentity(
                workload: settings.node.name,
                namespace: settings.node.namespace,
                trustDomain: "cluster.local",
                isGateway: settings.node.role == .router
            )
        )
        options.workers = settings.workers
        options.accessLogDescriptor = settings.accessLog ? 1 : nil
        options.adminAddress = settings.adminAddress
        options.dnsServers = settings.dnsServers
        if let link {
            options.listenerSource = ListenerSource(
                open: { address, count throws(ListenerUnavailable) in
                    do { return try link.bind(address, count: count) } catch {
                        throw ListenerUnavailable(detail: "\(error)")
                    }
                },
                release: { link.release($0) }
            )
        }
        return options
    }

    /// Serves the last good snapshot at once, then whatever the control plane says, for as long as the process lives.
    private func feed(_ plane: DataPlane, _ credential: WorkloadCredential) async throws {
        if let file = settings.snapshotFile {
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: file)))
            let snapshot = try Snapshot(decoding: bytes)
            switch await plane.apply(snapshot) {
            case .applied: return
            case .partly(let reason), .refused(let reason): throw ValidationError("\(file): \(reason)")
            }
        }
        // Whichever ends first ends both: a refused join must end the process while the feed still waits for it.
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await renew(plane, credential) }
            group.addTask { await ProxyFeed(settings: settings, plane: plane, credential: credential).run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func renew(_ plane: DataPlane, _ credential: WorkloadCredential) async throws {
        while !Task.isCancelled {
            // Without a certificate this asks for the first one.
            try await credential.renew()
            await plane.identityChanged()
        }
    }

    /// Tells whoever waits that this proxy serves.
    private func announce(_ plane: DataPlane, _ proxy: ProxyServer, _ link: SupervisorLink?) async throws {
        await plane.untilServing()
        let admin = proxy.adminAddress?.description
        if let admin {
            try Data((admin + "\n").utf8).write(
                to: URL(filePath: settings.stateDirectory + "/admin.address"),
                options: .atomic
            )
        }
        if settings.command.isEmpty { writeReadyFile(admin) }
        link?.ready("{}")
        Task { await releaseStartupMemory() }
    }

    /// Starting touches code and data of every library once, and most of it is never read again. The first responses of
    /// the control plane arrive in the moments after.
    private func releaseStartupMemory() async {
        for pause in [Duration.milliseconds(300), .seconds(5), .seconds(60)] {
            do { try await Task.sleep(for: pause) } catch { return }
            _ = gh_release_startup_memory()
        }
    }

    private func writeReadyFile(_ admin: String?) {
        guard let path = settings.readyFile else { return }
        let body = "{\"pid\":\(getpid()),\"admin\":\(admin.map { "\"\($0)\"" } ?? "null")}\n"
        do {
            try Data(body.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            Log.error("cannot write \(path): \(error)")
        }
    }

    /// Until a signal, the end of the application, or a failure that no retry mends. The result is the exit status.
    ///
    /// The watchers report to one stream, whose first word counts: none of them is waited for, since what they wait for
    /// may never come.
    private func live(
        _ signals: AsyncStream<Int32>,
        feed: Task<Void, any Error>,
        ready: Task<Void, any Error>,
        admin: @escaping @Sendable () -> String?
    ) async throws -> Int32 {
        let (ends, end) = AsyncStream.makeStream(of: Result<Int32, any Error>.self)
        let app = AppHolder()
        let watchers = [
            Task {
                for await number in signals where number != SIGHUP {
                    if await !app.signal(number) { end.yield(.success(0)) }
                }
            },
            Task {
                do { try await feed.value } catch { end.yield(.failure(error)) }
            },
            Task {
                do {
                    try await ready.value
                    guard !settings.command.isEmpty else { return }
                    let process = try await app.start(settings.command)
                    writeReadyFile(admin())
                    end.yield(.success(await process.wait()))
                } catch {
                    end.yield(.failure(error))
                }
            },
        ]
        defer { for watcher in watchers { watcher.cancel() } }
        for await result in ends { return try result.get() }
        return 0
    }
}

/// The application, once it has been started: signals go to it, and its end is the sidecar's.
private actor AppHolder {
    private var process: AppProcess?

    func start(_ command: [String]) throws -> AppProcess {
        let started = try AppProcess(command)
        process = started
        return started
    }

    /// False when there is no application to forward to.
    func signal(_ number: Int32) -> Bool {
        process?.signal(number)
        return process != nil
    }
}
