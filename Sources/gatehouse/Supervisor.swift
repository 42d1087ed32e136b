internal import Base
internal import CSys
internal import Foundation

/// Runs the control process and the gateways, restarts what dies, and keeps the listening sockets open meanwhile.
///
/// One thread, one poll loop, no configuration of its own beyond the command line. The packet protocol with a child:
/// `bind ADDR:PORT COUNT` is answered with `fds N` and N descriptors, or `error TEXT`; `release ADDR:PORT` with `ok`;
/// `ready JSON` is noted. The control process is told `children PID=NAME,…` whenever the table changes.
struct Supervisor {
    struct Settings: Sendable {
        var executable: String
        var readyFile: String?
        var drainTimeout: Duration
    }

    private let settings: Settings
    private var children: [ChildProcess]
    private var sockets = HeldSockets()
    private var stoppingSince: MonotonicTime?
    private var wroteReadyFile = false

    static let packetMax = 4096

    /// The first child is the control process.
    init(settings: Settings, children: [ChildProcess]) {
        self.settings = settings
        self.children = children
    }

    /// Runs until a SIGTERM or SIGINT has been carried out. The result is the exit status.
    mutating func run() -> Int32 {
        let signals = gh_signal_descriptor(1)
        guard signals >= 0 else {
            Log.error("supervisor: no signal descriptor")
            return 1
        }
        while true {
            let now = MonotonicTime.now()
            startDueChildren(now)
            if stoppingSince != nil, !children.contains(where: \.isRunning) { break }
            enforceStop(now)
            var polled = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
            for child in children where child.isRunning {
                polled.append(pollfd(fd: child.link, events: Int16(POLLIN), revents: 0))
            }
            poll(&polled, nfds_t(polled.count), pollTimeout(now))
            handleSignals(signals)
            for entry in polled.dropFirst() where entry.revents != 0 { receive(from: entry.fd) }
        }
        sockets.releaseAll()
        close(signals)
        return 0
    }

    private func pollTimeout(_ now: MonotonicTime) -> Int32 {
        var wait = Duration.seconds(1)
        for child in children {
            if let at = child.startAt { wait = min(wait, at.since(now)) }
        }
        return Int32(clamping: wait.wholeMilliseconds + 1)
    }

    private mutating func startDueChildren(_ now: MonotonicTime) {
        guard stoppingSince == nil else { return }
        for index in children.indices {
            guard let at = children[index].startAt, at <= now else { continue }
            if let failure = children[index].start(executable: settings.executable, now: now) {
                Log.error("supervisor: cannot start \(children[index].name): \(failure)")
                children[index].exited(now: now)
            }
            tellControlAboutChildren()
        }
    }

    private func tellControlAboutChildren() {
        guard let control = children.first, control.isRunning else { return }
        let table = children.dropFirst().filter(\.isRunning).map { "\($0.pid)=\($0.name)" }.joined(separator: ",")
        send("children \(table)", to: control.link)
    }

    private mutating func handleSignals(_ descriptor: Int32) {
        while true {
            let number = gh_next_signal(descriptor)
            switch number {
            case 0: return
            case SIGCHLD: reap()
            case SIGTERM, SIGINT: beginStop()
            default: break
            }
        }
    }

    private mutating func reap() {
        while true {
            var status: Int32 = 0
            let pid = gh_wait_status(-1, &status, 1)
            guard pid > 0 else { return }
            guard let index = children.firstIndex(where: { $0.pid == pid }) else { continue }
            let how =
                gh_exited_normally(status) != 0
                ? "exited with \(gh_exit_code(status))" : "was killed by signal \(gh_exit_signal(status))"
            if stoppingSince == nil { Log.error("supervisor: \(children[index].name) \(how); starting it again") }
            children[index].exited(now: .now())
            if stoppingSince != nil { children[index].stopRestarting() }
            tellControlAboutChildren()
        }
    }

    /// Gateways drain first, with the control process still there; it goes when they have gone.
    private mutating func beginStop() {
        guard stoppingSince == nil else { return }
        stoppingSince = .now()
        for index in children.indices { children[index].stopRestarting() }
        // Only the gateways hold the sockets now: what they have accepted they answer, and then nobody queues behind
        // them.
        sockets.releaseAll()
        for child in children.dropFirst() { child.signal(SIGTERM) }
    }

    private mutating func enforceStop(_ now: MonotonicTime) {
        guard let since = stoppingSince else { return }
        let patience = settings.drainTimeout + .seconds(5)
        if now.since(since) > patience {
            for child in children { child.signal(SIGKILL) }
        } else if !children.dropFirst().contains(where: \.isRunning) {
            children[0].signal(SIGTERM)
        }
    }

    private mutating func receive(from link: Int32) {
        guard let index = children.firstIndex(where: { $0.link == link }) else { return }
        var bytes = [UInt8](repeating: 0, count: Self.packetMax)
        var descriptors: [Int32] = []
        var count: Int32 = 0
        let received = gh_receive_descriptors(link, &bytes, bytes.count, &descriptors, 0, &count)
        guard received > 0 else { return }  // The exit follows as SIGCHLD.
        let text = String(decoding: bytes[..<received], as: UTF8.self)
        let words = text.split(separator: " ", maxSplits: 1).map(String.init)
        let rest = words.count > 1 ? words[1] : ""
        switch words.first {
        case "bind": bind(rest, for: index)
        case "release":
            if let address = SocketAddress(rest) { sockets.release(address, owner: children[index].name) }
            send("ok", to: link)
        case "ready":
            children[index].becameReady(rest)
            writeReadyFileWhenAllAreReady()
        default: send("error unknown request", to: link)
        }
    }

    private mutating func bind(_ request: String, for index: Int) {
        let words = request.split(separator: " ")
        let link = children[index].link
        guard words.count == 2, let address = SocketAddress(words[0]), let count = Int(words[1]) else {
            send("error malformed bind request", to: link)
            return
        }
        do throws(HeldSockets.Refusal) {
            let descriptors = try sockets.sockets(at: address, count: count, for: children[index].name)
            let reply = Array("fds \(descriptors.count)".utf8)
            gh_send_descriptors(link, reply, reply.count, descriptors, Int32(descriptors.count))
        } catch {
            send("error \(error.reason)", to: link)
        }
    }

    private func send(_ text: String, to link: Int32) {
        let bytes = Array(text.utf8)
        gh_send_descriptors(link, bytes, bytes.count, nil, 0)
    }

    private mutating func writeReadyFileWhenAllAreReady() {
        guard !wroteReadyFile, children.allSatisfy(\.isReady) else { return }
        wroteReadyFile = true
        let detail = children[0].readyDetail
        if let path = settings.readyFile {
            let body = "{\"pid\":\(getpid())" + (detail == "{}" ? "" : "," + detail.dropFirst().dropLast()) + "}\n"
            do {
                try Data(body.utf8).write(to: URL(filePath: path), options: .atomic)
            } catch {
                Log.error("supervisor: cannot write \(path): \(error)")
            }
        }
        Log.notice("ready \(detail)")
    }
}
