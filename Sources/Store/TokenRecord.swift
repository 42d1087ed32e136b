/// What is known of a bearer token. The secret is not part of it: only its SHA-256 is stored.
public struct TokenRecord: Sendable, Equatable {
    /// The id by which a token is listed and revoked.
    public var id: String
    /// `system:serviceaccount:NS:NAME`, or a plain name.
    public var user: String
    public var namespace: String
    public var serviceAccount: String
    /// The uid of the ServiceAccount it was made for: a bearer token ends with that object, and does not come back with
    /// another one of the same name. Empty for tokens that are bound to a name only.
    public var accountUID: String
    /// What the token is for: `gatehouse` (the admin API) or `gatehouse-join` (a workload's first certificate).
    public var audience: String
    /// `admin`, `view` or `proxy`: what the bearer may do.
    public var scope: String
    public var isSingleUse: Bool
    /// Seconds since 1970.
    public var created: Int64
    /// Seconds since 1970; nil for a token that does not expire.
    public var expires: Int64?
    public var lastUsed: Int64?

    public init(
        id: String,
        user: String,
        namespace: String,
        serviceAccount: String,
        accountUID: String = "",
        audience: String,
        scope: String,
        isSingleUse: Bool,
        created: Int64,
        expires: Int64?,
        lastUsed: Int64? = nil
    ) {
        self.id = id
        self.user = user
        self.namespace = namespace
        self.serviceAccount = serviceAccount
        self.accountUID = accountUID
        self.audience = audience
        self.scope = scope
        self.isSingleUse = isSingleUse
        self.created = created
        self.expires = expires
        self.lastUsed = lastUsed
    }
}
