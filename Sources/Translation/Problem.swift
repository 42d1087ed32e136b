public import Resources

/// Something translation had to leave out or change, told against the resource that asked for it.
///
/// Shape: a problem never fails a translation; the rest of the snapshot is complete.
public struct Problem: Hashable, Sendable, Comparable {
    /// Raw values are condition reasons.
    public enum Reason: String, Sendable, Hashable {
        case secretMissing = "SecretNotFound"
        case secretInvalid = "InvalidCertificateRef"
        case fileMissing = "FileNotAllowed"
        case portConflict = "PortConflict"
        /// An older policy has the same target.
        case policyConflict = "Conflicted"
        case hostConflict = "HostConflict"
        case destinationMissing = "DestinationNotFound"
        case subsetMissing = "SubsetNotFound"
        case delegateMissing = "DelegateNotFound"
        case notSupported = "NotSupported"
        case notEffective = "NotEffective"
    }

    public var resource: ResourceKey
    public var reason: Reason
    public var message: String

    public init(resource: ResourceKey, reason: Reason, message: String) {
        self.resource = resource
        self.reason = reason
        self.message = message
    }

    public static func < (a: Problem, b: Problem) -> Bool {
        (a.resource, a.reason.rawValue, a.message) < (b.resource, b.reason.rawValue, b.message)
    }
}
