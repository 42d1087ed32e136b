internal import Resources
internal import XDS

/// Header operations in the form of xDS.
struct HeaderChanges {
    var requestAdd: [Core.HeaderValueOption] = []
    var requestRemove: [String] = []
    var responseAdd: [Core.HeaderValueOption] = []
    var responseRemove: [String] = []
    /// A new Host for the request, wherever it was asked for.
    var authority: String?

    init(_ headers: Headers?) {
        guard let headers else { return }
        if let request = headers.request {
            requestAdd = Self.additions(request)
            requestRemove = Self.removals(request)
            authority = Self.authority(request)
        }
        if let response = headers.response {
            responseAdd = Self.additions(response)
            responseRemove = Self.removals(response)
        }
    }

    private static func isAuthority(_ name: String) -> Bool {
        let lower = name.lowercased()
        return lower == "host" || lower == ":authority"
    }

    private static func authority(_ operations: HeaderOperations) -> String? {
        for table in [operations.set, operations.add] {
            for key in table.keys.sorted() where isAuthority(key) { return table[key] }
        }
        return nil
    }

    /// Sets before adds, each in the order of their names; pseudo-headers are not changed this way.
    private static func additions(_ operations: HeaderOperations) -> [Core.HeaderValueOption] {
        func options(
            _ table: [String: String],
            _ action: Core.HeaderValueOption.HeaderAppendAction
        ) -> [Core.HeaderValueOption] {
            table.keys.sorted().compactMap { key in
                guard !isAuthority(key), !key.hasPrefix(":"), let value = table[key] else { return nil }
                var option = Core.HeaderValueOption()
                option.header.key = key
                option.header.value = value
                option.appendAction = action
                return option
            }
        }
        return options(operations.set, .overwriteIfExistsOrAdd) + options(operations.add, .appendIfExistsOrAdd)
    }

    private static func removals(_ operations: HeaderOperations) -> [String] {
        operations.remove.filter { !isAuthority($0) && !$0.hasPrefix(":") }
    }
}
