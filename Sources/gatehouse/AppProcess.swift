internal import CSys
internal import Foundation

/// The application that runs beside a sidecar.
struct AppProcess: Sendable {
    struct NotStarted: Error, CustomStringConvertible {
        var description: String
    }

    let pid: Int32

    /// - Parameter command: a program, found along PATH, and its arguments.
    init(_ command: [String]) throws {
        var argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        pid = gh_spawn_program(argv)
        guard pid > 0 else {
            throw NotStarted(description: "cannot start \(command[0]): \(String(cString: strerror(gh_errno())))")
        }
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// Its exit status; 128 plus the signal when one ended it.
    func wait() async -> Int32 {
        let pid = pid
        return await withCheckedContinuation { continuation in
            let thread = Thread {
                var status: Int32 = 0
                while gh_wait_status(pid, &status, 0) < 0, gh_errno() == EINTR {}
                let code = gh_exited_normally(status) != 0 ? gh_exit_code(status) : 128 + gh_exit_signal(status)
                continuation.resume(returning: code)
            }
            thread.name = "app-wait"
            thread.start()
        }
    }
}
