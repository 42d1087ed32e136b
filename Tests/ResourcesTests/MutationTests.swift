import Base
import Resources
import Testing

/// Damaged resources are refused or accepted, and never crash anything.
@Suite(.enabled(if: SharedData.isPresent, "the reference data is absent")) struct MutationTests {
    static let originals: [JSONValue] = {
        let files =
            (1...22).map { "seed/\($0 < 10 ? "0" : "")\($0).yaml" } + SharedData.files(in: "istio/samples")
            + SharedData.files(in: "istio/api-valid")
        return files.flatMap { file in
            ((try? Manifest.documents(SharedData.bytes(file), .yaml)) ?? []).map(\.value)
        }
    }()

    static let odd: [JSONValue] = [
        nil, true, -1, 0, 99_999_999_999, 1.5, "", "x", "\u{0}", "*", [], [[]], [nil], [:], ["": ""], "-1s", "1e400",
        "%",
    ]

    static func mutate(_ value: JSONValue, _ random: inout SeededGenerator) -> JSONValue {
        if UInt64.random(in: 0..<6, using: &random) == 0 { return odd[Int.random(in: 0..<odd.count, using: &random)] }
        switch value {
        case .object(var object) where !object.isEmpty:
            let key = object.keys[Int.random(in: 0..<object.count, using: &random)]
            switch Int.random(in: 0..<8, using: &random) {
            case 0: object[key] = nil
            case 1: object[key + "x"] = object[key]
            default: object[key] = mutate(object[key] ?? .null, &random)
            }
            return .object(object)
        case .array(var items) where !items.isEmpty:
            let index = Int.random(in: 0..<items.count, using: &random)
            if Int.random(in: 0..<8, using: &random) == 0 {
                items.append(items[index])
            } else {
                items[index] = mutate(items[index], &random)
            }
            return .array(items)
        default:
            return odd[Int.random(in: 0..<odd.count, using: &random)]
        }
    }

    @Test(arguments: 0..<20) func `damaged resources never crash`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var refused = 0
        for _ in 0..<100 {
            guard let original = Self.originals.randomElement(using: &random) else { return }
            let damaged = Self.mutate(original, &random)
            do {
                let decoded = try Resource.decode(json: damaged)
                #expect(decoded.resource.json().objectValue != nil)
            } catch {
                #expect(!error.violations.isEmpty, "seed \(seed): \(damaged.text())")
                refused += 1
            }
        }
        #expect(refused > 20)
    }

    @Test(arguments: 0..<20) func `damaged text never crashes`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let texts = (1...22).map { SharedData.bytes("seed/\($0 < 10 ? "0" : "")\($0).yaml") }
        for _ in 0..<50 {
            guard var bytes = texts.randomElement(using: &random), !bytes.isEmpty else { return }
            for _ in 0..<Int.random(in: 1..<6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? Manifest.resources(yaml: bytes)
            _ = try? JSONValue(parsing: bytes)
        }
    }
}
