/// How the path of a request changes on its way upstream, or in a redirect. The query is always carried over.
///
/// Source: RouteAction.prefix_rewrite, regex_rewrite and RedirectAction.path_rewrite_specifier.
public enum PathRewrite: Sendable {
    /// Replaces the first `matchedLength` bytes of the path; textual, so prefix `/foo` → `/` turns `/foo/bar` into
    /// `//bar`, as Envoy and Istio do.
    case prefix(matchedLength: Int, replacement: [UInt8])
    /// Replaces the whole path (exact and regex matches, `path_redirect`).
    case whole([UInt8])
    /// RE2 substitution of every match in the path; `\1` names groups.
    case expression(RegularExpression, substitution: [UInt8])

    /// A rewritten path longer than this fails the request: no head of ours may outgrow what peers accept.
    public static let pathBytesMax = 64 << 10

    /// Appends the new request target for `target` to `output`; false when the result is too long.
    public func apply(to target: UnsafeRawBufferPointer, appendingTo output: inout [UInt8]) -> Bool {
        let path = QueryString.path(of: target)
        switch self {
        case .prefix(let matchedLength, let replacement):
            output.append(contentsOf: replacement)
            output.append(contentsOf: path.dropping(matchedLength))
        case .whole(let replacement):
            output.append(contentsOf: replacement)
        case .expression(let expression, let substitution):
            let isFine = expression.replaceAll(
                in: path,
                with: substitution,
                appendingTo: &output,
                bytesMax: Self.pathBytesMax
            )
            guard isFine else { return false }
        }
        output.append(contentsOf: target.dropping(path.count))
        return output.count <= Self.pathBytesMax
    }
}

/// An answer that sends the client elsewhere.
///
/// Source: route.v3.RedirectAction. A default port in the request's authority is dropped when the scheme changes.
public struct RedirectAction: Sendable {
    public let status: Int
    /// Lower case; nil keeps the request's.
    public let scheme: [UInt8]?
    /// nil keeps the request's.
    public let host: [UInt8]?
    /// nil keeps the request's.
    public let port: UInt16?
    public let path: PathRewrite?
    /// `path_redirect` that brings its own query: the request's is dropped.
    public let replacesQuery: Bool
    public let stripsQuery: Bool

    /// Appends the value of `location`; false when it became too long.
    ///
    /// - Parameter scheme: of the request, `http` or `https`.
    public func location(
        scheme: UnsafeRawBufferPointer,
        authority: UnsafeRawBufferPointer,
        target: UnsafeRawBufferPointer,
        appendingTo output: inout [UInt8]
    ) -> Bool {
        let host = HostTable.withoutPort(authority)
        let requestPort = authority.dropping(host.count)
        if let ours = self.scheme { output.append(contentsOf: ours) } else { output.append(contentsOf: scheme) }
        output.append(contentsOf: "://".utf8)
        if let ours = self.host { output.append(contentsOf: ours) } else { output.append(contentsOf: host) }
        if let port {
            output.append(0x3A)
            output.append(contentsOf: "\(port)".utf8)
        } else if self.host == nil, !dropsPort(requestPort, requestScheme: scheme) {
            output.append(contentsOf: requestPort)
        }
        return appendPath(target, to: &output)
    }

    private func appendPath(_ target: UnsafeRawBufferPointer, to output: inout [UInt8]) -> Bool {
        let path = QueryString.path(of: target)
        let kept = stripsQuery || replacesQuery ? path : target
        guard let rewrite = self.path else {
            output.append(contentsOf: kept)
            return output.count <= PathRewrite.pathBytesMax
        }
        var rewritten: [UInt8] = []
        guard rewrite.apply(to: kept, appendingTo: &rewritten) else { return false }
        output.append(contentsOf: rewritten)
        return true
    }

    private func dropsPort(_ port: UnsafeRawBufferPointer, requestScheme: UnsafeRawBufferPointer) -> Bool {
        guard let ours = scheme, !requestScheme.elementsEqual(ours) else { return false }
        return requestScheme.elementsEqual("https".utf8)
            ? port.elementsEqual(":443".utf8) : port.elementsEqual(":80".utf8)
    }
}
