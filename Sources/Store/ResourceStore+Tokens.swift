internal import Crypto
internal import GRDB
internal import Synchronization

extension ResourceStore {
    /// Stores a token by the SHA-256 of its secret.
    public func add(_ record: TokenRecord, hash: [UInt8]) async throws(StoreError) {
        try await perform { db in try record.insert(db, hash: hash) }
        tokens.withLock { $0[hash] = record }
    }

    /// The token with this hash, whatever its audience and expiry; the caller checks both.
    public nonisolated func token(hash: [UInt8]) -> TokenRecord? { tokens.withLock { $0[hash] } }

    /// Every token, ordered by id.
    public nonisolated var tokenRecords: [TokenRecord] {
        tokens.withLock { Array($0.values) }.sorted { $0.id < $1.id }
    }

    /// Removes tokens; it is durable when this returns.
    /// - Returns: how many there were.
    @discardableResult
    public func removeTokens(where isDoomed: @Sendable (TokenRecord) -> Bool) async throws(StoreError) -> Int {
        let ids = tokens.withLock { tokens in tokens.values.filter(isDoomed).map(\.id) }
        guard !ids.isEmpty else { return 0 }
        try await perform { db in
            for id in ids { _ = try TokenRecord.delete(db, id: id) }
        }
        tokens.withLock { tokens in
            for (hash, record) in tokens where ids.contains(record.id) { tokens[hash] = nil }
        }
        return ids.count
    }

    /// Redeems a secret: checks audience and expiry, and uses up a single-use token, durably, before it answers.
    ///
    /// Of two redemptions at once exactly one succeeds. Nil for a secret that is unknown, for another audience,
    /// expired or used.
    /// - Parameter time: seconds since 1970.
    public func redeem(secret: String, audience: String, at time: Int64) async throws(StoreError) -> TokenRecord? {
        let hash = Digest.sha256(secret)
        guard let record = token(hash: hash), record.audience == audience, record.expires.map({ $0 > time }) ?? true
        else {
            return nil
        }
        guard record.isSingleUse else { return record }
        let removed = try await perform { db in try TokenRecord.delete(db, id: record.id) }
        tokens.withLock { $0[hash] = nil }
        return removed == 1 ? record : nil
    }
}
