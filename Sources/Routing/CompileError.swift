/// Why a configuration cannot become lookup tables: what a NACK says.
///
/// Whose fault: the sender's. Retrying the same bytes never helps; the configuration in force stays in force.
public struct CompileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where in the message, in proto field names: `virtual_hosts[2].routes[0].match.safe_regex`.
    public var path: String
    public var message: String

    public init(path: String, message: String) {
        self.path = path
        self.message = message
    }

    public var description: String { path.isEmpty ? message : "\(path): \(message)" }

    /// The same error, seen from one level further out.
    func inside(_ outer: String) -> CompileError {
        guard !outer.isEmpty else { return self }
        guard !path.isEmpty else { return CompileError(path: outer, message: message) }
        return CompileError(path: path.hasPrefix("[") ? outer + path : "\(outer).\(path)", message: message)
    }
}

/// Runs `body` and prefixes the path of what it throws with `field`.
@inline(__always)
func within<T>(_ field: @autoclosure () -> String, _ body: () throws(CompileError) -> T) throws(CompileError) -> T {
    do {
        return try body()
    } catch {
        throw error.inside(field())
    }
}
