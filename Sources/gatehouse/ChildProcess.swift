internal import Base
internal import CSys
internal import Glibc

/// One child of the supervisor: what to run, what runs, and when it may run again.
///
///     waiting ──start──▶ running ──exit──▶ waiting (at once the first time, then 0.1–5 s later)
struct ChildProcess {
    static let backoffMin = Duration.milliseconds(100)
    static let backoffMax = Duration.seconds(5)
    /// A child that lived this long is healthy: its next death is again the first.
    static let healthyAfter = Duration.seconds(10)

    let name: String
    let arguments: [String]

    private(set) var pid: Int32 = 0
    /// The supervisor's end of the packet socket; −1 when the child is not running.
    private(set) var link: Int32 = -1
    private(set) var startAt: MonotonicTime?
    private(set) var isReady = false
    /// What the child said about itself when it became ready (a JSON object).
    private(set) var readyDetail = ""

    private var startedAt = MonotonicTime(nanoseconds: 0)
    private var backoff: Duration = .zero

    init(name: String, arguments: [String]) {
        self.name = name
        self.arguments = arguments
        startAt = MonotonicTime(nanoseconds: 0)
    }

    var isRunning: Bool { pid > 0 }

    /// - Returns: nil on success, or what the kernel said.
    mutating func start(executable: String, now: MonotonicTime) -> String? {
        var pair: [Int32] = [-1, -1]
        guard gh_packet_pair(&pair) == 0 else { return String(cString: strerror(gh_errno())) }
        var argv: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        let child = gh_spawn(executable, argv, pair[1])
        let failure = gh_errno()
        close(pair[1])
        guard child > 0 else {
            close(pair[0])
            return String(cString: strerror(failure))
        }
        pid = child
        link = pair[0]
        startedAt = now
        startAt = nil
        isReady = false
        return nil
    }

    mutating func becameReady(_ detail: String) {
        isReady = true
        readyDetail = detail
    }

    /// Notes the exit and decides when to start again.
    mutating func exited(now: MonotonicTime) {
        close(link)
        link = -1
        pid = 0
        isReady = false
        if now.since(startedAt) > Self.healthyAfter { backoff = .zero }
        startAt = now.advanced(by: backoff)
        backoff = backoff == .zero ? Self.backoffMin : min(backoff * 2, Self.backoffMax)
    }

    mutating func stopRestarting() { startAt = nil }

    func signal(_ number: Int32) {
        if pid > 0 { kill(pid, number) }
    }
}
