import Crypto
import Store
import Testing

@Suite struct TokenTests {
    let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    func record(_ id: String, isSingleUse: Bool = true, expires: Int64? = 2_000_000_000) -> TokenRecord {
        TokenRecord(
            id: id,
            user: "system:serviceaccount:default:web",
            namespace: "default",
            serviceAccount: "web",
            audience: "gatehouse-join",
            scope: "proxy",
            isSingleUse: isSingleUse,
            created: 1_700_000_000,
            expires: expires
        )
    }

    @Test func `a single-use token is redeemed once, also by many at once and after a restart`() async throws {
        let store = try await fixture.open()
        try await store.add(record("t"), hash: Digest.sha256("secret"))
        let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    try await store.redeem(secret: "secret", audience: "gatehouse-join", at: 1_700_000_001) != nil
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(wins == 1)
        await store.close()
        let again = try await fixture.open()
        #expect(try await again.redeem(secret: "secret", audience: "gatehouse-join", at: 1_700_000_001) == nil)
    }

    @Test func `a token opens nothing for another audience or after its time`() async throws {
        let store = try await fixture.open()
        try await store.add(record("t", expires: 1_700_000_010), hash: Digest.sha256("secret"))
        #expect(try await store.redeem(secret: "secret", audience: "gatehouse", at: 1_700_000_001) == nil)
        #expect(try await store.redeem(secret: "secret", audience: "gatehouse-join", at: 1_700_000_010) == nil)
        #expect(try await store.redeem(secret: "secret", audience: "gatehouse-join", at: 1_700_000_009) != nil)
    }

    @Test func `a removed token is gone at once and after a restart`() async throws {
        let store = try await fixture.open()
        try await store.add(record("t", isSingleUse: false), hash: Digest.sha256("secret"))
        #expect(try await store.removeTokens { $0.id == "t" } == 1)
        #expect(store.token(hash: Digest.sha256("secret")) == nil)
        await store.close()
        #expect(try await fixture.open().tokenRecords.isEmpty)
    }
}
