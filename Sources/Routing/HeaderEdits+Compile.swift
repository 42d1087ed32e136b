public import XDS

extension HeaderEdits {
    /// The request side of `levels`, most specific first.
    ///
    /// - Throws: a name that is empty, a pseudo header or `host` (Envoy forbids both), or a bad format string.
    public init(requestLevels levels: [HeaderMutations]) throws(CompileError) {
        var compiled: [Level] = []
        for level in levels {
            compiled.append(
                Level(
                    removals: try Self.names(level.requestRemove, "request_headers_to_remove"),
                    additions: try Self.additions(level.requestAdd, "request_headers_to_add")
                )
            )
        }
        self.init(levels: compiled)
    }

    /// The response side of `levels`, most specific first.
    public init(responseLevels levels: [HeaderMutations]) throws(CompileError) {
        var compiled: [Level] = []
        for level in levels {
            compiled.append(
                Level(
                    removals: try Self.names(level.responseRemove, "response_headers_to_remove"),
                    additions: try Self.additions(level.responseAdd, "response_headers_to_add")
                )
            )
        }
        self.init(levels: compiled)
    }

    /// This edit's levels, then `other`'s.
    func followed(by other: HeaderEdits) -> HeaderEdits { HeaderEdits(levels: levels + other.levels) }

    private static func names(_ names: [String], _ field: String) throws(CompileError) -> [[UInt8]] {
        var lower: [[UInt8]] = []
        for (index, name) in names.enumerated() { lower.append(try checked(name, "\(field)[\(index)]")) }
        return lower
    }

    private static func additions(_ list: [HeaderMutation], _ field: String) throws(CompileError) -> [Addition] {
        var additions: [Addition] = []
        for (index, mutation) in list.enumerated() {
            let path = "\(field)[\(index)]"
            let mode: Mode =
                switch mutation.action {
                case .appendIfExistsOrAdd: .append
                case .addIfAbsent: .addIfAbsent
                case .overwriteIfExistsOrAdd: .overwrite
                case .overwriteIfExists: .overwriteIfPresent
                }
            guard mutation.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                throw CompileError(path: path, message: "the value holds a control character")
            }
            let value = try within(path) { () throws(CompileError) in try HeaderFormat(Array(mutation.value.utf8)) }
            additions.append(
                Addition(
                    name: try checked(mutation.name, path),
                    value: value,
                    mode: mode,
                    keepsEmpty: mutation.keepsEmptyValue
                )
            )
        }
        return additions
    }

    /// RFC 9110 §5.1 token characters, in lower case.
    private static func checked(_ name: String, _ path: String) throws(CompileError) -> [UInt8] {
        let lower = [UInt8](lowering: name)
        guard !lower.isEmpty, lower.allSatisfy(isTokenByte) else {
            let why = lower.first == 0x3A ? "pseudo headers cannot be changed here" : "is not a header name"
            throw CompileError(path: path, message: "`\(name)`: \(why)")
        }
        guard lower != Array("host".utf8) else {
            throw CompileError(path: path, message: "`host` cannot be changed here; use a host rewrite")
        }
        return lower
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
        default: false
        }
    }
}
