/// What every stored object carries beside its spec. Source: Kubernetes `ObjectMeta`.
public struct ObjectMeta: FieldObject {
    public struct OwnerReference: FieldObject, Hashable {
        public var apiVersion = ""
        public var kind = ""
        public var name = ""
        public var uid = ""
        public var controller: Bool?
        public var blockOwnerDeletion: Bool?
        public init() {}
        public static let fields: [Field<OwnerReference>] = [
            Field("apiVersion", \.apiVersion, "of the owner", required: true),
            Field("kind", \.kind, "of the owner", required: true),
            Field("name", \.name, "of the owner", required: true),
            Field("uid", \.uid, "of the owner", required: true),
            Field("controller", \.controller, "the owner writes it"),
            Field("blockOwnerDeletion", \.blockOwnerDeletion, "kept for Kubernetes"),
        ]
    }

    public var name = ""
    public var generateName: String?
    /// Empty for objects outside of any namespace.
    public var namespace = ""
    public var uid = ""
    /// The counter of the store at the object's last event, as decimal text; empty before the first write.
    public var resourceVersion = ""
    /// Counts changes of the spec, from 1.
    public var generation: Int64 = 0
    public var creationTimestamp: Timestamp?
    public var deletionTimestamp: Timestamp?
    public var deletionGracePeriodSeconds: Int64?
    public var labels: [String: String] = [:]
    public var annotations: [String: String] = [:]
    public var ownerReferences: [OwnerReference] = []
    public var finalizers: [String] = []
    public var managedFields: JSONValue?
    public var selfLink: String?
    public init() {}
    public init(name: String, namespace: String) {
        self.name = name
        self.namespace = namespace
    }

    public static let fields: [Field<ObjectMeta>] = [
        Field("name", \.name, "unique within kind and namespace"),
        Field("generateName", \.generateName, "prefix of a name the server completes"),
        Field("namespace", \.namespace, "where it lives"),
        Field("uid", \.uid, "set by the server"),
        Field("resourceVersion", \.resourceVersion, "set by the server; sent back, it guards against lost updates"),
        Field("generation", \.generation, "set by the server"),
        Field("creationTimestamp", \.creationTimestamp, "set by the server"),
        Field("deletionTimestamp", \.deletionTimestamp, "set by the server"),
        Field("deletionGracePeriodSeconds", \.deletionGracePeriodSeconds, "set by the server"),
        Field("labels", \.labels, "for selectors"),
        Field("annotations", \.annotations, "for people and tools"),
        Field("ownerReferences", \.ownerReferences, "objects that it goes with"),
        Field("finalizers", \.finalizers, "who must act before it goes"),
        Field("managedFields", \.managedFields, "who wrote which field"),
        Field("selfLink", \.selfLink, "no longer used"),
    ]

    /// In Kubernetes' order; empty parts are left out.
    public var json: JSONValue {
        var object = JSONObject()
        if !name.isEmpty { object["name"] = .string(name) }
        if let generateName { object["generateName"] = .string(generateName) }
        if !namespace.isEmpty { object["namespace"] = .string(namespace) }
        if !uid.isEmpty { object["uid"] = .string(uid) }
        if !resourceVersion.isEmpty { object["resourceVersion"] = .string(resourceVersion) }
        if generation != 0 { object["generation"] = .int(generation) }
        if let creationTimestamp { object["creationTimestamp"] = .string(creationTimestamp.description) }
        if let deletionTimestamp { object["deletionTimestamp"] = .string(deletionTimestamp.description) }
        if let deletionGracePeriodSeconds { object["deletionGracePeriodSeconds"] = .int(deletionGracePeriodSeconds) }
        if !labels.isEmpty { object["labels"] = .object(Self.object(labels)) }
        if !annotations.isEmpty { object["annotations"] = .object(Self.object(annotations)) }
        if !ownerReferences.isEmpty { object["ownerReferences"] = .array(ownerReferences.map(Self.json)) }
        if !finalizers.isEmpty { object["finalizers"] = .array(finalizers.map { .string($0) }) }
        if let managedFields { object["managedFields"] = managedFields }
        return .object(object)
    }

    private static func object(_ map: [String: String]) -> JSONObject {
        var object = JSONObject()
        for (key, value) in map.sorted(by: { $0.key < $1.key }) { object[key] = .string(value) }
        return object
    }

    private static func json(_ owner: OwnerReference) -> JSONValue {
        var object: JSONObject = [
            "apiVersion": .string(owner.apiVersion), "kind": .string(owner.kind), "name": .string(owner.name),
            "uid": .string(owner.uid),
        ]
        if let controller = owner.controller { object["controller"] = .bool(controller) }
        if let block = owner.blockOwnerDeletion { object["blockOwnerDeletion"] = .bool(block) }
        return .object(object)
    }
}

/// A moment in UTC, to the second, as Kubernetes writes it: `2026-01-31T12:00:00Z` (RFC 3339).
public struct Timestamp: FieldValue, Hashable, Comparable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00:00Z.
    public var secondsSinceEpoch: Int64

    public init(secondsSinceEpoch: Int64) { self.secondsSinceEpoch = secondsSinceEpoch }

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.secondsSinceEpoch < b.secondsSinceEpoch }

    public static var emptyStringIsAbsent: Bool { true }
    public static var schema: SchemaNode { .string }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Timestamp? {
        guard let text = json.stringValue, let value = Timestamp(text) else {
            decoder.mismatch(expected: "a time such as 2026-01-31T12:00:00Z", got: json)
            return nil
        }
        return value
    }

    /// RFC 3339 with `Z` or an offset; a fraction of a second is cut off.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (48...57).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 48)
            }
            return value
        }
        guard bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54 || bytes[10] == 0x74, bytes[13] == 0x3A,
            bytes[16] == 0x3A, let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var rest = bytes[19...]
        if rest.first == 0x2E { rest = rest.dropFirst().drop { (48...57).contains($0) } }
        var offset: Int64 = 0
        switch rest.first {
        case 0x5A, 0x7A:
            guard rest.count == 1 else { return nil }
        case 0x2B, 0x2D:
            let start = rest.startIndex
            guard rest.count == 6, bytes[start + 3] == 0x3A, let hours = number(start + 1..<start + 3),
                let minutes = number(start + 4..<start + 6)
            else { return nil }
            offset = (hours * 60 + minutes) * (rest.first == 0x2B ? 60 : -60)
        default:
            return nil
        }
        secondsSinceEpoch =
            Self.days(year: year, month: month, day: day) * 86400 + hour * 3600 + minute * 60 + second - offset
    }

    public var description: String {
        let days = secondsSinceEpoch >= 0 ? secondsSinceEpoch / 86400 : (secondsSinceEpoch - 86399) / 86400
        let rest = secondsSinceEpoch - days * 86400
        let (year, month, day) = Self.civil(days: days)
        return "\(Self.pad(year, 4))-\(Self.pad(month, 2))-\(Self.pad(day, 2))T"
            + "\(Self.pad(rest / 3600, 2)):\(Self.pad(rest / 60 % 60, 2)):\(Self.pad(rest % 60, 2))Z"
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }

    /// Days since the epoch of a date of the Gregorian calendar; years are counted from March.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
