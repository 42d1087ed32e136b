import Resources
import Testing

/// Istio's own validation cases, wrapped into minimal resources where a row is a part of one.
@Suite struct VectorTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var id: String
        var kind: ResourceKind
        var namespace: String
        var spec: JSONValue
        var isValid: Bool
        var hasWarning: Bool
        var testDescription: String { id }
    }

    /// Rows that differ on purpose, with the reason.
    static let deviations: [String: String] = Deviations.byRow

    static let rows: [Row] = {
        guard let list = try? JSONValue(parsing: SharedData.bytes("vectors/validation.json")).arrayValue else {
            return []
        }
        return list.enumerated().compactMap { index, row in wrap(row, index) }
    }()

    static func wrap(_ row: JSONValue, _ index: Int) -> Row? {
        let kind = row["kind"]?.stringValue ?? ""
        var place = row["at"]?.stringValue ?? ""
        let spec = expand(row["spec"] ?? .null)
        if kind == "HTTPRetry", place.isEmpty { place = "VirtualService.http[].retries" }
        if kind == "MeshConfig_DefaultTrafficPolicy" { place = "MeshConfig.defaultTrafficPolicy" }
        let context = place.firstIndex(of: " ").map { String(place[$0...]) } ?? ""
        place = String(place.prefix { $0 != " " })
        let word = place.isEmpty ? kind : String(place.prefix { $0 != "." })
        if let grammar = Grammar.wrap(place, spec, row) {
            return Row(
                id: "\(index) \(place): \(spec.text().prefix(60))",
                kind: grammar.kind,
                namespace: row["context"]?["namespace"]?.stringValue ?? "bar",
                spec: grammar.spec,
                isValid: row["valid"]?.boolValue ?? false,
                hasWarning: false
            )
        }
        guard let resourceKind = ResourceKind(rawValue: word), kind != "MeshConfig.ProxyConfig", kind != "string" else {
            return nil
        }
        let body: JSONValue
        if place.isEmpty {
            body = spec
        } else {
            let steps = place.split(separator: ".").dropFirst().map(String.init)
            body = Minimal.wrap(kind: resourceKind, steps: steps, part: spec, context: context, row: row)
        }
        return Row(
            id: "\(index) \(kind) \(place)\(context): \(row["name"]?.stringValue ?? "")",
            kind: resourceKind,
            namespace: "bar",
            spec: body,
            isValid: row["valid"]?.boolValue ?? false,
            hasWarning: row["warning"]?.boolValue ?? false
        )
    }

    /// `{"$repeat": ["a", 3]}` stands for `aaa`.
    static func expand(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object):
            if let pair = object["$repeat"]?.arrayValue, let text = pair[0].stringValue, let count = pair[1].intValue {
                return .string(String(repeating: text, count: Int(count)))
            }
            var result = JSONObject()
            for (key, member) in object { result[key] = expand(member) }
            return .object(result)
        case .array(let items):
            return .array(items.map(expand))
        default:
            return value
        }
    }

    static func decode(_ row: Row) -> Result<DecodedResource, DecodeFailure> {
        let json: JSONValue = [
            "apiVersion": .string(row.kind.descriptor.storageAPIVersion), "kind": .string(row.kind.rawValue),
            "metadata": ["name": "x", "namespace": .string(row.namespace)], "spec": row.spec,
        ]
        return Result { () throws(DecodeFailure) in try Resource.decode(json: json) }
    }

    @Test(.enabled(if: SharedData.isPresent, "the reference data is absent"), arguments: rows)
    func `rows are judged as Istio judges them`(_ row: Row) {
        let number = String(row.id.prefix { $0 != " " })
        let expected = Deviations.byRow[number] == nil ? row.isValid : !row.isValid
        switch Self.decode(row) {
        case .success(let decoded):
            #expect(expected, "accepted, although it is invalid: \(row.spec.text().prefix(400))")
            if row.hasWarning, row.isValid, Deviations.withoutWarning[number] == nil {
                #expect(!decoded.warnings.isEmpty, "no warning")
            }
        case .failure(let failure) where failure.violations.allSatisfy { $0.rule == "not-supported" }:
            // Valid in itself; the table of fields that are not carried out yet refuses it.
            #expect(expected)
        case .failure(let failure):
            #expect(!expected, "refused, although it is valid: \(failure) \(row.spec.text().prefix(400))")
        }
    }
}

/// The least resource that a part of one can stand in.
enum Minimal {
    static func wrap(
        kind: ResourceKind,
        steps: [String],
        part: JSONValue,
        context: String,
        row: JSONValue
    ) -> JSONValue {
        var body = nest(steps[...], part, base(kind, steps: steps, context: context, row: row))
        if context == " (inside a delegate)" { body = merge(body, ["hosts": []]) }
        return body
    }

    private static func base(_ kind: ResourceKind, steps: [String], context: String, row: JSONValue) -> JSONValue {
        switch kind {
        case .gateway:
            let isTLS = steps.last == "tls"
            let port: JSONValue = ["number": 443, "name": "p", "protocol": isTLS ? "HTTPS" : "HTTP"]
            return ["servers": [["port": port, "hosts": ["foo.bar.com"]]]]
        case .virtualService:
            let route: JSONValue = [["destination": ["host": "foo.baz"]]]
            let isRule = steps.count == 1
            let isAnswer = ["redirect", "directResponse"].contains(steps.last ?? "")
            if steps.first == "tcp[]" { return ["hosts": ["foo.bar"], "tcp": [["route": route]]] }
            return ["hosts": ["foo.bar"], "http": [isRule || isAnswer ? [:] : ["route": route]]]
        case .destinationRule:
            guard row["context"]?["outlier"] != nil else { return ["host": "foo.bar"] }
            return ["host": "foo.bar", "trafficPolicy": ["outlierDetection": [:]]]
        default:
            return [:]
        }
    }

    private static func nest(_ steps: ArraySlice<String>, _ part: JSONValue, _ base: JSONValue) -> JSONValue {
        guard let step = steps.first else { return part }
        let name = step.hasSuffix("[]") ? String(step.dropLast(2)) : step
        var object = base.objectValue ?? [:]
        if step.hasSuffix("[]") {
            let first = object[name]?[0] ?? [:]
            object[name] = .array([nest(steps.dropFirst(), part, first)])
        } else {
            object[name] = nest(steps.dropFirst(), part, object[name] ?? [:])
        }
        if steps.count == 1, name == "redirect" || name == "directResponse", part.isNull {
            object["route"] = [["destination": ["host": "foo.baz"]]]
        }
        if name == "fault", case .object(var fault)? = object[name], fault["abort"]?.isNull == true {
            fault["delay"] = ["fixedDelay": "1s"]
            object[name] = .object(fault)
        }
        if name == "trafficPolicy", steps.count > 1, object[name]?.objectValue?.count == 1,
            object[name]?["loadBalancer"]?.objectValue?.values(for: "localityLbSetting") == [.null]
        {
            object[name] = ["loadBalancer": ["simple": "RANDOM"]]
        }
        return .object(object)
    }

    private static func merge(_ value: JSONValue, _ extra: JSONObject) -> JSONValue {
        var object = value.objectValue ?? [:]
        for (key, member) in extra { object[key] = member }
        return .object(object)
    }
}

/// Rows that test the grammar of one string, put where that string stands.
enum Grammar {
    static func wrap(_ place: String, _ value: JSONValue, _ row: JSONValue) -> (kind: ResourceKind, spec: JSONValue)? {
        let text = value.stringValue ?? ""
        let route: JSONValue = [["destination": ["host": "foo.baz"]]]
        switch place {
        case "StrictValidateHTTPHeaderName", "ValidateHTTPHeaderName":
            let match: JSONValue = [["headers": .object(JSONObject(dictionaryLiteral: (text, ["exact": "a"])))]]
            return (.virtualService, ["hosts": ["a.b"], "http": [["match": match, "route": route]]])
        case "ValidateHTTPHeaderValue":
            let headers: JSONValue = ["response": ["set": ["x": value]]]
            return (.virtualService, ["hosts": ["a.b"], "http": [["headers": headers, "route": route]]])
        case "ValidateFQDN":
            return (.virtualService, ["hosts": ["a.b"], "http": [["route": [["destination": ["host": value]]]]]])
        case "ValidateWildcardDomain":
            return (.destinationRule, ["host": value])
        case "ValidateWildcardDomainForVirtualServiceBoundToGateway" where text != "1.1.1.1":
            return (.virtualService, ["hosts": [value], "gateways": ["gw"], "http": [["route": route]]])
        case "validateExportTo":
            if row["context"]?["isDestinationRuleWithSelector"] == true {
                let selector: JSONValue = ["matchLabels": ["a": "b"]]
                return (.destinationRule, ["host": "a.b", "exportTo": value, "workloadSelector": selector])
            }
            if row["context"]?["isServiceEntry"] == true {
                return (.serviceEntry, ["hosts": ["a.b"], "exportTo": value])
            }
            return (.virtualService, ["hosts": ["a.b"], "http": [["route": route]], "exportTo": value])
        case "ValidateTrustDomain":
            return (.meshConfig, ["trustDomain": value])
        case "ValidationIPAddress", "ValidationIPSubnet":
            return (.serviceEntry, ["hosts": ["a.b"], "addresses": [value]])
        case "ValidateLocalities":
            let items = (value.arrayValue ?? []).map { item -> JSONValue in ["from": item, "to": ["a": 100]] }
            let setting: JSONValue = ["localityLbSetting": ["distribute": .array(items)]]
            return (.destinationRule, ["host": "a.b", "trafficPolicy": ["loadBalancer": setting]])
        default:
            return nil
        }
    }
}

extension JSONObject {
    func values(for key: String) -> [JSONValue] { self[key].map { [$0] } ?? [] }
}
