internal import Base
internal import SwiftProtobuf

extension RBACFilter {
    init(_ filter: Envoy_Extensions_Filters_Http_Rbac_V3_RBAC, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(filter)
        self.init(
            rules: filter.hasRules ? try RBAC(filter.rules, at: path.child("rules")) : nil,
            shadowRules: filter.hasShadowRules ? try RBAC(filter.shadowRules, at: path.child("shadow_rules")) : nil,
            statPrefix: filter.rulesStatPrefix
        )
    }
}

extension RBAC {
    init(_ rbac: Envoy_Config_Rbac_V3_RBAC, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(rbac)
        let action: Action =
            switch rbac.action {
            case .allow: .allow
            case .deny: .deny
            case .log: .log
            case .UNRECOGNIZED: throw path.child("action").error("unknown value")
            }
        var policies: [Policy] = []
        for name in rbac.policies.keys.sorted() {
            guard let policy = rbac.policies[name] else { continue }
            let path = path.entry("policies", name)
            try path.refuseUnknown(policy)
            policies.append(
                Policy(
                    name: name,
                    permissions: try RBACPermission.list(policy.permissions, "permissions", at: path),
                    principals: try RBACPrincipal.list(policy.principals, "principals", at: path)
                )
            )
        }
        self.init(action: action, policies: policies)
    }
}

extension RBACPermission {
    static func list(
        _ permissions: [Envoy_Config_Rbac_V3_Permission],
        _ name: String,
        at path: FieldPath
    ) throws(DecodeError) -> [RBACPermission] {
        guard !permissions.isEmpty else { throw path.child(name).error("must not be empty") }
        return try path.list(permissions, name) { (permission, path) throws(DecodeError) in
            try RBACPermission(permission, at: path)
        }
    }

    init(_ permission: Envoy_Config_Rbac_V3_Permission, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(permission)
        switch permission.rule {
        case .any(true): self = .any
        case .any(false): throw path.child("any").error("must be true")
        case .andRules(let set): self = .all(try Self.list(set.rules, "rules", at: path.child("and_rules")))
        case .orRules(let set): self = .anyOf(try Self.list(set.rules, "rules", at: path.child("or_rules")))
        case .notRule(let rule): self = .not(try Self(rule, at: path.child("not_rule")))
        case .header(let header): self = .header(try HeaderMatcher(header, at: path.child("header")))
        case .urlPath(let url): self = .path(try StringMatcher(url.path, at: path.child("url_path.path")))
        case .destinationIp(let range):
            self = .destinationIP(try CIDR(decoding: range, at: path.child("destination_ip")))
        case .destinationPort(let port):
            self = .destinationPort(try path.port(port, "destination_port"))
        case .requestedServerName(let name):
            self = .requestedServerName(try StringMatcher(name, at: path.child("requested_server_name")))
        case .metadata(let metadata):
            self = .metadata(try MetadataMatcher(metadata, at: path.child("metadata")))
        case .sourcedMetadata(let sourced):
            self = .metadata(try MetadataMatcher(sourced, at: path.child("sourced_metadata")))
        case nil: throw path.error("holds no rule")
        }
    }
}

extension RBACPrincipal {
    static func list(
        _ principals: [Envoy_Config_Rbac_V3_Principal],
        _ name: String,
        at path: FieldPath
    ) throws(DecodeError) -> [RBACPrincipal] {
        guard !principals.isEmpty else { throw path.child(name).error("must not be empty") }
        return try path.list(principals, name) { (principal, path) throws(DecodeError) in
            try RBACPrincipal(principal, at: path)
        }
    }

    init(_ principal: Envoy_Config_Rbac_V3_Principal, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(principal)
        switch principal.identifier {
        case .any(true): self = .any
        case .any(false): throw path.child("any").error("must be true")
        case .andIds(let set): self = .all(try Self.list(set.ids, "ids", at: path.child("and_ids")))
        case .orIds(let set): self = .anyOf(try Self.list(set.ids, "ids", at: path.child("or_ids")))
        case .notID(let other): self = .not(try Self(other, at: path.child("not_id")))
        case .authenticated(let who):
            let path = path.child("authenticated")
            try path.refuseUnknown(who)
            self = .authenticated(
                who.hasPrincipalName ? try StringMatcher(who.principalName, at: path.child("principal_name")) : nil
            )
        case .directRemoteIp(let range):
            self = .directRemoteIP(try CIDR(decoding: range, at: path.child("direct_remote_ip")))
        case .remoteIp(let range): self = .remoteIP(try CIDR(decoding: range, at: path.child("remote_ip")))
        case .header(let header): self = .header(try HeaderMatcher(header, at: path.child("header")))
        case .urlPath(let url): self = .path(try StringMatcher(url.path, at: path.child("url_path.path")))
        case .metadata(let metadata):
            self = .metadata(try MetadataMatcher(metadata, at: path.child("metadata")))
        case .sourcedMetadata(let sourced):
            self = .metadata(try MetadataMatcher(sourced, at: path.child("sourced_metadata")))
        case .filterState(let state):
            let path = path.child("filter_state")
            try path.refuseUnknown(state)
            self = .filterState(key: state.key, try StringMatcher(state.stringMatch, at: path.child("string_match")))
        case nil: throw path.error("holds no identifier")
        }
    }
}

extension MetadataMatcher {
    init(_ sourced: Envoy_Config_Rbac_V3_SourcedMetadata, at path: FieldPath) throws(DecodeError) {
        try path.refuse("metadata_source", if: sourced.metadataSource != .dynamic)
        try self.init(sourced.metadataMatcher, at: path.child("metadata_matcher"))
    }
}
