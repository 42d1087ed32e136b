internal import Base
internal import FuzzTargets
internal import Glibc

/// `gatehouse-fuzz TARGET [libFuzzer options] [corpus folders]`: feeds one target under libFuzzer.
@main struct Driver {
    nonisolated(unsafe) private static var target = FuzzTarget.json

    static func main() {
        guard CommandLine.argc > 1, let chosen = FuzzTarget(rawValue: CommandLine.arguments[1]) else {
            let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
            say("usage: gatehouse-fuzz TARGET [options] [corpus]\ntargets: \(names)\n")
            exit(2)
        }
        target = chosen
        // libFuzzer sees the arguments without the target's name, and a bound on the input's size.
        var arguments = CommandLine.arguments
        arguments.remove(at: 1)
        arguments.insert("-max_len=\(chosen.bytesMax)", at: 1)
        let words = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: arguments.count + 1)
        for (index, argument) in arguments.enumerated() { words[index] = strdup(argument) }
        words[arguments.count] = nil
        var count = Int32(arguments.count)
        var base: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = words
        exit(runDriver(&count, &base, feedTarget))
    }

    static func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(2, bytes, bytes.count)
    }

    /// A finding ends the process like a crash, so that libFuzzer keeps the input.
    static func feed(_ bytes: UnsafeRawBufferPointer) {
        do throws(FuzzFinding) { try target.run(bytes) } catch {
            say("finding: \(error)\n")
            abort()
        }
    }
}

private func feedTarget(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    Driver.feed(UnsafeRawBufferPointer(start: bytes, count: size))
    return 0
}

/// libFuzzer's entry for programs with a `main` of their own.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argc: UnsafeMutablePointer<Int32>,
    _ argv: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// The archive of libFuzzer holds a `main` that asks for this; it is never called.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 { 0 }
