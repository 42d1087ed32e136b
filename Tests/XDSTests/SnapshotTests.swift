import SwiftProtobuf
import Testing
import XDS

@Suite struct SnapshotTests {
    private var sample: Snapshot {
        var snapshot = Snapshot(version: 258)
        snapshot.insert(EncodedResource(name: "b", bytes: [1, 2, 3]), as: .cluster)
        snapshot.insert(EncodedResource(name: "a", bytes: []), as: .cluster)
        snapshot.insert(EncodedResource(name: "ünï", bytes: [0, 255]), as: .secret)
        return snapshot
    }

    @Test func `a snapshot survives its bytes`() throws {
        let decoded = try Snapshot(decoding: sample.encoded())
        #expect(decoded == sample)
        #expect(decoded.resource(.secret, "ünï")?.bytes == [0, 255])
    }

    @Test func `equal snapshots have equal bytes whatever the order of insertion`() {
        var other = Snapshot(version: 258)
        other.insert(EncodedResource(name: "ünï", bytes: [0, 255]), as: .secret)
        other.insert(EncodedResource(name: "a", bytes: []), as: .cluster)
        other.insert(EncodedResource(name: "b", bytes: [1, 2, 3]), as: .cluster)
        #expect(other.encoded() == sample.encoded())
    }

    @Test func `cut-off and overlong bytes are refused`() {
        let bytes = sample.encoded()
        for count in 0..<bytes.count {
            #expect(throws: DecodeError.self) { try Snapshot(decoding: Array(bytes.prefix(count))) }
        }
        #expect(throws: DecodeError.self) { try Snapshot(decoding: bytes + [0]) }
    }

    @Test func `a version is a function of the content alone`() {
        #expect(EncodedResource(name: "a", bytes: [1]).version == EncodedResource(name: "b", bytes: [1]).version)
        #expect(EncodedResource(name: "a", bytes: [1]).version != EncodedResource(name: "a", bytes: [2]).version)
        #expect(EncodedResource(name: "a", bytes: []).version.utf8.count == 32)
    }
}

@Suite struct NodeTests {
    @Test func `an id in Istio's form says role, address, name, namespace and domain`() {
        var message = Envoy_Config_Core_V3_Node()
        message.id = "sidecar~10.0.0.1~reviews.v1-abc.shop~shop.svc.cluster.local"
        let node = Node(message)
        #expect(node.role == .sidecar)
        #expect(node.address == "10.0.0.1")
        #expect(node.name == "reviews.v1-abc")
        #expect(node.namespace == "shop")
        #expect(node.domain == "shop.svc.cluster.local")
    }

    @Test func `another id is kept and the metadata says the rest`() {
        var message = Envoy_Config_Core_V3_Node()
        message.id = "anything"
        message.metadata.fields["NAMESPACE"] = Google_Protobuf_Value(stringLiteral: "shop")
        message.metadata.fields["GENERATOR"] = Google_Protobuf_Value(stringLiteral: "grpc")
        let node = Node(message)
        #expect(node.role == nil)
        #expect(node.namespace == "shop")
        #expect(node.flavor == .grpc)
    }

    @Test func `a node survives its message`() {
        var node = Node(
            id: Node.id(role: .router, address: "127.0.0.1", name: "gw", namespace: "istio-system", domain: "d"),
            role: .router,
            address: "127.0.0.1",
            name: "gw",
            namespace: "istio-system",
            domain: "d",
            flavor: .gatehouse,
            labels: ["istio": "ingressgateway"],
            metadata: ["PORTS": .list([.number(80), .bool(true), .null, .object(["a": .string("b")])])],
            userAgent: Node.ownUserAgent
        )
        let back = Node(node.message)
        node.metadata["NAMESPACE"] = .string("istio-system")
        node.metadata["LABELS"] = .object(["istio": .string("ingressgateway")])
        #expect(back == node)
    }
}
