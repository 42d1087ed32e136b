internal import ArgumentParser
internal import CSys
internal import Foundation

/// The one binary; the subcommand picks the role.
@main struct Gatehouse: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse",
        abstract: "A REST-managed gateway appliance and service mesh.",
        subcommands: [
            ServeCommand.self, ControlCommand.self, GatewayCommand.self, SidecarCommand.self, ApplyCommand.self,
            GetCommand.self, DeleteCommand.self, DescribeCommand.self, VersionCommand.self,
        ]
    )

    /// Wrong arguments end with status 2, failures of the work itself with 1.
    static func main() {
        AllocatorTuning.apply()
        gh_ignore_broken_pipes()
        do {
            var command = try parseAsRoot()
            guard command is any AsyncParsableCommand else {
                try command.run()
                return
            }
            if command is any LongRunning { Signals.takeOver() }
            startAsynchronously()
            // Not dispatchMain(): it unblocks every signal on this thread, and SIGTERM would end the process at once.
            DispatchSemaphore(value: 0).wait()
        } catch {
            end(with: error)
        }
    }

    /// Away from the main actor, whose thread only waits. Parsed again inside: a command is not Sendable.
    private nonisolated static func startAsynchronously() { Task { await runAsynchronously() } }

    private nonisolated static func runAsynchronously() async {
        do {
            if var command = try parseAsRoot() as? any AsyncParsableCommand { try await command.run() }
        } catch {
            end(with: error)
        }
        leave(0)
    }

    private nonisolated static func end(with error: any Error) -> Never {
        let code = exitCode(for: error)
        let text = fullMessage(for: error)
        if code == .success {
            FileHandle.standardOutput.write(Data((text + "\n").utf8))
            leave(0)
        }
        if !text.isEmpty { FileHandle.standardError.write(Data((text + "\n").utf8)) }
        leave(code == .validationFailure ? 2 : max(1, code.rawValue))
    }
}

/// Ends the process at once, after what was printed is written.
///
/// Not `exit`: its handlers tear OpenSSL down while a client's or server's own thread may still be closing a
/// connection, and both would free the same memory.
func leave(_ status: Int32) -> Never {
    fflush(nil)
    _exit(status)
}

/// A command that runs until a signal ends it.
protocol LongRunning {}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")
    static let version = "0.1.0"

    func run() { print("gatehouse \(Self.version)") }
}
