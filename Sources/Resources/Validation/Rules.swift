/// The rules of each kind, beyond types: what is wrong or doubtful whatever else is stored. Source: VALIDATION.md.
enum Rules {
    static func check(_ resource: Resource, _ findings: inout Findings) {
    }
}
