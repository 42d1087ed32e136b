/// Collects what the rules find while they walk through an object.
struct Findings {
    /// The namespace of the object, for rules that compare with it.
    let namespace: String
    private(set) var path = JSONPath()
    private(set) var violations: [Violation] = []
    private(set) var warnings: [Warning] = []

    init(namespace: String) { self.namespace = namespace }

    mutating func error(_ rule: String, _ message: String) {
        guard violations.count < 100 else { return }
        violations.append(Violation(path: path, rule: rule, message: message))
    }

    mutating func error(at key: String, _ rule: String, _ message: String) {
        inside(key) { $0.error(rule, message) }
    }

    mutating func warn(_ code: String, _ message: String) {
        guard warnings.count < 100 else { return }
        warnings.append(Warning(path: path, code: code, message: message))
    }

    mutating func warn(at key: String, _ code: String, _ message: String) {
        inside(key) { $0.warn(code, message) }
    }

    mutating func inside(_ key: String, _ body: (inout Findings) -> Void) {
        path.steps.append(.key(key))
        body(&self)
        path.steps.removeLast()
    }

    mutating func at(_ index: Int, _ body: (inout Findings) -> Void) {
        path.steps.append(.index(index))
        body(&self)
        path.steps.removeLast()
    }

    mutating func inside<Value>(_ key: String, _ value: Value?, _ body: (Value, inout Findings) -> Void) {
        guard let value else { return }
        inside(key) { body(value, &$0) }
    }

    mutating func each<Item>(_ key: String, _ items: [Item], _ body: (Item, inout Findings) -> Void) {
        path.steps.append(.key(key))
        for (index, item) in items.enumerated() {
            path.steps.append(.index(index))
            body(item, &self)
            path.steps.removeLast()
        }
        path.steps.removeLast()
    }

    /// In key order, so that messages come in the same order every time.
    mutating func each<Item>(_ key: String, _ items: [String: Item], _ body: (String, Item, inout Findings) -> Void) {
        path.steps.append(.key(key))
        for (name, item) in items.sorted(by: { $0.key < $1.key }) {
            path.steps.append(.key(name))
            body(name, item, &self)
            path.steps.removeLast()
        }
        path.steps.removeLast()
    }
}
