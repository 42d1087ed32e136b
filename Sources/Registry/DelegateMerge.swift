internal import Resources

/// How a rule that delegates and the rules of the delegate become one list.
///
/// Source: Istio's delegate merge. Every pair of a root match and a delegate match that can both hold becomes one
/// match; the delegate may only narrow the root. A delegate rule with matches of which none fits is dropped. Of the
/// actions the delegate's value wins, else the root's.
enum DelegateMerge {
    static func merge(root: HTTPRoute, delegate rules: [HTTPRoute]) -> [HTTPRoute] {
        rules.compactMap { rule in
            guard let matches = mergeMatches(root: root.match, delegate: rule.match) else { return nil }
            var merged = rule
            merged.match = matches
            merged.name = [root.name, rule.name].compactMap { $0 }.joined(separator: "-")
            if merged.name?.isEmpty == true { merged.name = nil }
            merged.delegate = nil
            merged.rewrite = rule.rewrite ?? root.rewrite
            merged.directResponse = rule.directResponse ?? root.directResponse
            merged.timeout = rule.timeout ?? root.timeout
            merged.retries = rule.retries ?? root.retries
            merged.fault = rule.fault ?? root.fault
            merged.corsPolicy = rule.corsPolicy ?? root.corsPolicy
            merged.headers = rule.headers ?? root.headers
            merged.mirror = rule.mirror ?? root.mirror
            merged.mirrorPercent = rule.mirrorPercent ?? root.mirrorPercent
            merged.mirrorPercentage = rule.mirrorPercentage ?? root.mirrorPercentage
            if rule.mirrors.isEmpty { merged.mirrors = root.mirrors }
            return merged
        }
    }

    /// Nil when the delegate has matches and none is compatible.
    private static func mergeMatches(
        root: [HTTPMatchRequest],
        delegate: [HTTPMatchRequest]
    ) -> [HTTPMatchRequest]? {
        if root.isEmpty { return delegate }
        if delegate.isEmpty { return root }
        var merged: [HTTPMatchRequest] = []
        for outer in root {
            for inner in delegate {
                if let both = merge(outer, inner) { merged.append(both) }
            }
        }
        return merged.isEmpty ? nil : merged
    }

    private static func merge(_ root: HTTPMatchRequest, _ delegate: HTTPMatchRequest) -> HTTPMatchRequest? {
        guard fits(root.uri, delegate.uri), fits(root.scheme, delegate.scheme), fits(root.method, delegate.method),
            fits(root.authority, delegate.authority), fits(root.headers, delegate.headers),
            fits(root.withoutHeaders, delegate.withoutHeaders), fits(root.queryParams, delegate.queryParams),
            agree(root.port, delegate.port), agree(root.sourceNamespace, delegate.sourceNamespace),
            root.ignoreUriCase == delegate.ignoreUriCase || root.uri == nil || delegate.uri == nil,
            delegate.sourceLabels.allSatisfy({
                root.sourceLabels[$0.key] == nil || root.sourceLabels[$0.key] == $0.value
            }),
            root.gateways.isEmpty || delegate.gateways.allSatisfy(root.gateways.contains)
        else { return nil }
        var both = delegate
        both.name = [root.name, delegate.name].compactMap { $0 }.joined(separator: "-")
        if both.name?.isEmpty == true { both.name = nil }
        both.uri = delegate.uri ?? root.uri
        both.ignoreUriCase = delegate.uri == nil ? root.ignoreUriCase : delegate.ignoreUriCase
        both.scheme = delegate.scheme ?? root.scheme
        both.method = delegate.method ?? root.method
        both.authority = delegate.authority ?? root.authority
        both.headers.merge(root.headers) { own, _ in own }
        both.withoutHeaders.merge(root.withoutHeaders) { own, _ in own }
        both.queryParams.merge(root.queryParams) { own, _ in own }
        both.sourceLabels.merge(root.sourceLabels) { own, _ in own }
        both.port = delegate.port ?? root.port
        both.sourceNamespace = delegate.sourceNamespace ?? root.sourceNamespace
        if both.gateways.isEmpty { both.gateways = root.gateways }
        both.statPrefix = delegate.statPrefix ?? root.statPrefix
        return both
    }

    private static func agree<Value: Equatable>(_ root: Value?, _ delegate: Value?) -> Bool {
        root == nil || delegate == nil || root == delegate
    }

    /// True when everything the delegate's matcher accepts is accepted by the root's, as far as can be told.
    private static func fits(_ root: StringMatch?, _ delegate: StringMatch?) -> Bool {
        guard let root, let delegate else { return true }
        switch (root, delegate) {
        case (.present, _): return true
        case (.exact(let outer), .exact(let inner)): return outer == inner
        case (.prefix(let outer), .exact(let inner)), (.prefix(let outer), .prefix(let inner)):
            return inner.hasPrefix(outer)
        default: return root == delegate
        }
    }

    private static func fits(_ root: [String: StringMatch], _ delegate: [String: StringMatch]) -> Bool {
        delegate.allSatisfy { key, matcher in fits(root[key], matcher) }
    }
}
