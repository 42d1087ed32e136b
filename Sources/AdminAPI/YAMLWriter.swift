internal import Resources

/// Writes a JSON document as block-style YAML 1.2 that YAML 1.1 readers understand the same way.
///
/// Member order is kept. A string is written plain only when no reader could take it for something else; strings with
/// several lines become literal blocks when a block can carry them exactly, everything else double-quoted with JSON's
/// escapes.
enum YAMLWriter {
    static func write(_ value: JSONValue) -> String {
        var out = ""
        switch value {
        case .object(let members) where !members.isEmpty: write(members, indent: 0, to: &out)
        case .array(let items) where !items.isEmpty: write(items, indent: 0, to: &out)
        default: out = scalar(value, indent: 0) + "\n"
        }
        return out
    }

    private static func write(_ members: JSONObject, indent: Int, isFirstInline: Bool = false, to out: inout String) {
        var isInline = isFirstInline
        for (key, value) in members {
            if !isInline { out += spaces(indent) }
            isInline = false
            out += plainOrQuoted(key) + ":"
            switch value {
            case .object(let inner) where !inner.isEmpty:
                out += "\n"
                write(inner, indent: indent + 2, to: &out)
            case .array(let items) where !items.isEmpty:
                out += "\n"
                write(items, indent: indent, to: &out)
            default:
                out += " " + scalar(value, indent: indent + 2) + "\n"
            }
        }
    }

    private static func write(_ items: [JSONValue], indent: Int, isFirstInline: Bool = false, to out: inout String) {
        var isInline = isFirstInline
        for item in items {
            if !isInline { out += spaces(indent) }
            isInline = false
            out += "- "
            switch item {
            case .object(let inner) where !inner.isEmpty:
                write(inner, indent: indent + 2, isFirstInline: true, to: &out)
            case .array(let inner) where !inner.isEmpty:
                write(inner, indent: indent + 2, isFirstInline: true, to: &out)
            default:
                out += scalar(item, indent: indent + 2) + "\n"
            }
        }
    }

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }

    private static func scalar(_ value: JSONValue, indent: Int) -> String {
        switch value {
        case .string(let text):
            if let block = literalBlock(text, indent: indent) { return block }
            return plainOrQuoted(text)
        case .object: return "{}"
        case .array: return "[]"
        default: return value.text()
        }
    }

    /// `|` with one final newline, or `|-` without; nil when the text has other ends, leading blanks or control bytes.
    private static func literalBlock(_ text: String, indent: Int) -> String? {
        guard text.contains("\n"), !text.hasPrefix(" "), !text.hasPrefix("\n"), !text.hasSuffix("\n\n") else {
            return nil
        }
        let isPrintable = text.unicodeScalars.allSatisfy { scalar in
            scalar == "\n" || (scalar.value >= 0x20 && scalar.value < 0x7F) || (0xA0...0xD7FF ~= scalar.value)
        }
        guard isPrintable else { return nil }
        let isTerminated = text.hasSuffix("\n")
        let lines = (isTerminated ? String(text.dropLast()) : text).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        guard lines.allSatisfy({ !$0.hasSuffix(" ") }) else { return nil }
        return (isTerminated ? "|" : "|-") + "\n"
            + lines.map { $0.isEmpty ? "" : spaces(indent) + $0 }.joined(separator: "\n")
    }

    private static func plainOrQuoted(_ text: String) -> String {
        isPlain(text) ? text : quoted(text)
    }

    /// JSON's escapes, and `\u` for what YAML does not allow or may take for a line break (YAML 1.2.2 §5.1, §5.4).
    private static func quoted(_ text: String) -> String {
        var out = ""
        for scalar in JSONValue.string(text).text().unicodeScalars {
            switch scalar.value {
            case 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default:
                out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// Letters first, then letters, digits and a few marks that have no meaning inside a plain scalar; and no word
    /// that YAML 1.1 or 1.2 reads as a boolean, null or number.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 256 else { return false }
        let isLetter = 0x41...0x5A ~= first || 0x61...0x7A ~= first || first == 0x5F || first == 0x2F
        guard isLetter else { return false }
        let marks: Set<UInt8> = [0x2D, 0x2E, 0x2F, 0x5F, 0x2B, 0x40, 0x28, 0x29, 0x24, 0x3B, 0x5E]
        let isSafe = text.utf8.allSatisfy { byte in
            0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte || marks.contains(byte)
        }
        guard isSafe else { return false }
        return !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    }
}
