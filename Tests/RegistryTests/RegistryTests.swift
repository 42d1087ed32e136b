import Registry
import Resources
import Testing

@Suite struct HostNameTests {
    @Test func `a name without a dot is expanded in the namespace of its resource`() {
        #expect(
            HostName.expand("reviews", namespace: "shop", domain: "cluster.local") == "reviews.shop.svc.cluster.local"
        )
    }

    @Test(arguments: ["reviews.prod", "*", "*.example.com", "10.0.0.1", "::1"])
    func `anything else stays as written`(_ name: String) {
        #expect(HostName.expand(name, namespace: "shop", domain: "cluster.local") == name)
    }
}
