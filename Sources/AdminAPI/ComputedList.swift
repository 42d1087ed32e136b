internal import Resources

/// A list of what is served without being stored, in any form a client asks for.
struct ComputedList {
    struct Column {
        var name: String
        /// Shown in wide output only.
        var isWide = false
        /// `string`, or `date` for a time that clients turn into an age.
        var format = ""
    }

    /// The kind of one item, `Proxy`.
    var kind: String
    var apiVersion: String
    /// The first one is the name.
    var columns: [Column]
    /// Whole objects, each with the cells of its row.
    var items: [(object: JSONValue, cells: JSONValue)]
    var metadata: JSONObject

    func response(_ call: Call) throws(StatusError) -> AdminResponse {
        switch try call.representation() {
        case .table(let version): return .json(table(version))
        case .yaml: return .yaml(list)
        case .json, .metadataOnly: return .json(list, isPretty: call.isPretty)
        }
    }

    private var list: JSONValue {
        [
            "kind": .string("\(kind)List"), "apiVersion": .string(apiVersion), "metadata": .object(metadata),
            "items": .array(items.map(\.object)),
        ]
    }

    /// - Parameter version: of meta.k8s.io.
    func table(_ version: String) -> JSONValue {
        let definitions = columns.enumerated().map { index, column -> JSONValue in
            [
                "name": .string(column.name), "type": "string", "format": .string(index == 0 ? "name" : column.format),
                "description": "", "priority": column.isWide ? 1 : 0,
            ]
        }
        return [
            "kind": "Table", "apiVersion": .string("meta.k8s.io/\(version)"), "metadata": .object(metadata),
            "columnDefinitions": .array(definitions),
            "rows": .array(
                items.map { item in
                    ["cells": item.cells, "object": AdminRouter.partial(item.object, metaVersion: version)]
                }
            ),
        ]
    }
}
