/// Keeps other people's web pages from using a browser that can reach this API.
///
/// A page of another origin can make a browser send requests here, with the browser's stored credentials, or with
/// none where none are needed. Two signs give it away: `Origin` names another site, or (after DNS rebinding) `Host`
/// is not a name of ours.
enum OriginGuard {
    static func check(_ request: AdminRequest) throws(StatusError) {
        let host = request.header("host") ?? ""
        if request.door == .development, !isLoopback(host) {
            throw .forbidden("the development listener answers only to loopback names in Host")
        }
        for origin in request.values(of: "origin") {
            let scheme = request.door == .development ? "http://" : "https://"
            guard origin.lowercased() == scheme + host.lowercased(), !host.isEmpty else {
                throw .forbidden("requests of web pages from other origins are refused")
            }
        }
    }

    /// `localhost`, 127.0.0.0/8 or `[::1]`, with or without a port; absent is fine, HTTP/1.0 tools send none.
    private static func isLoopback(_ host: String) -> Bool {
        if host.isEmpty { return true }
        if host.hasPrefix("[") { return host.hasPrefix("[::1]") }
        let name = host.split(separator: ":", maxSplits: 1)[0].lowercased()
        if name == "localhost" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
