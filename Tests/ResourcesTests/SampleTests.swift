import Resources
import Testing

/// Istio's own manifests, and the examples the product was asked for with.
@Suite(.enabled(if: SharedData.isPresent, "the reference data is absent")) struct SampleTests {
    static let served = Set(ResourceKind.allCases.map(\.rawValue))

    static func decodeServed(_ file: String) throws -> [(kind: String, result: Result<DecodedResource, DecodeFailure>)]
    {
        let text = String(decoding: SharedData.bytes(file), as: UTF8.self)
        // `[001:db8::]` is no YAML 1.2: a colon before `]` ends a key. Go's reader lets it pass.
        let parts = text.components(separatedByLine: "---").filter { !$0.contains("001:db8::]") }
        let documents = try parts.flatMap { try Manifest.documents(Array($0.utf8), .yaml) }
        return documents.compactMap { document in
            guard let kind = document.value["kind"]?.stringValue, served.contains(kind) else { return nil }
            if kind == "Gateway", document.value["apiVersion"]?.stringValue?.hasPrefix("gateway.") == true {
                return nil
            }
            let result = Result { () throws(DecodeFailure) in
                try Resource.decode(json: document.value, source: document.source)
            }
            return (kind, result)
        }
    }

    @Test(arguments: SharedData.files(in: "istio/samples") + SharedData.files(in: "istio/api-valid"))
    func `valid manifests are accepted`(_ file: String) throws {
        for (kind, result) in try Self.decodeServed(file) {
            if case .failure(let failure) = result, !failure.violations.allSatisfy({ $0.rule == "not-supported" }) {
                Issue.record("\(file) \(kind): \(failure)")
            }
        }
    }

    @Test(arguments: SharedData.files(in: "istio/samples/bookinfo/networking"))
    func `bookinfo's files are admitted unchanged`(_ file: String) throws {
        let resources = try Self.decodeServed(file).map { try $0.result.get().resource }
        let change = Change(resources.map { .create($0) })
        let admitted = try AdmissionTests.admission().admit(change, against: try AdmissionTests.state())
        #expect(admitted.puts.count >= resources.count)
    }

    @Test(arguments: SharedData.files(in: "istio/api-invalid"))
    func `invalid manifests are refused`(_ file: String) throws {
        let text = String(decoding: SharedData.bytes(file), as: UTF8.self)
        for part in text.components(separatedByLine: "---") {
            for document in try Manifest.documents(Array(part.utf8), .yaml) {
                guard let kind = document.value["kind"]?.stringValue, Self.served.contains(kind) else { continue }
                #expect(throws: DecodeFailure.self, "\(document.value.text())") {
                    try Resource.decode(json: document.value, source: document.source)
                }
            }
        }
    }
}

extension String {
    func components(separatedByLine line: String) -> [String] {
        split(separator: "\n", omittingEmptySubsequences: false)
            .split(whereSeparator: { $0 == line })
            .map { $0.joined(separator: "\n") }
    }
}
