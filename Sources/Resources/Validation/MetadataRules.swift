/// Rules of `metadata`. Source: Kubernetes' names and labels.
enum MetadataRules {
    private static let annotationBytesMax = 256 << 10

    static func check(_ resource: Resource, _ findings: inout Findings) {
        findings.inside("metadata") { findings in
            let metadata = resource.metadata
            if metadata.name.isEmpty {
                if metadata.generateName == nil {
                    findings.error(at: "name", "metadata.name", "is required (or generateName)")
                }
            } else {
                check(name: metadata.name, of: resource.kind, &findings)
            }
            if let prefix = metadata.generateName, !Names.isSubdomain(prefix + "a") || prefix.utf8.count > 248 {
                findings.error(at: "generateName", "metadata.name", "is not the beginning of a name")
            }
            if !metadata.namespace.isEmpty, !Names.isLowerLabel(metadata.namespace) {
                findings.error(
                    at: "namespace",
                    "metadata.namespace",
                    "\"\(metadata.namespace.prefix(80))\" is no namespace (lower-case letters, digits, -; 63 at most)"
                )
            }
            findings.checkLabels("labels", metadata.labels)
            var total = 0
            findings.each("annotations", metadata.annotations) { key, value, findings in
                total += key.utf8.count + value.utf8.count
                if !Names.isLabelKey(key) {
                    findings.error(
                        "metadata.annotation",
                        "\"\(key.prefix(80))\" is not an annotation key ([prefix/]name)"
                    )
                }
            }
            if total > annotationBytesMax {
                findings.error(
                    at: "annotations",
                    "metadata.annotations",
                    "are \(total) bytes; at most 256 KiB is allowed"
                )
            }
        }
    }

    private static func check(name: String, of kind: ResourceKind, _ findings: inout Findings) {
        if kind.descriptor.group == BuiltInRoles.group {
            // Names of roles are path segments, `system:reader` among them.
            guard
                name == "." || name == ".." || name.utf8.count > 253
                    || name.utf8.contains(where: { $0 == 0x2F || $0 == 0x25 })
            else { return }
            return findings.error(at: "name", "metadata.name", "\"\(name.prefix(80))\" is not a name (no / or %)")
        }
        let needsLabel = kind == .namespace || kind == .service
        guard needsLabel ? !Names.isLowerLabel(name) : !Names.isSubdomain(name) else { return }
        let grammar =
            needsLabel
            ? "lower-case letters, digits and -, 63 at most" : "lower-case letters, digits, - and ., 253 at most"
        findings.error(at: "name", "metadata.name", "\"\(name.prefix(80))\" is not a name (\(grammar))")
    }
}
