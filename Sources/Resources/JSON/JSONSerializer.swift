extension JSONValue {
    /// The value as JSON text. Compact by default; pretty uses two spaces, as kubectl does.
    public func serialized(pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(isPretty: pretty)
        writer.write(self, indent: 0)
        return writer.output
    }

    /// The same as a string.
    public func text(pretty: Bool = false) -> String { String(decoding: serialized(pretty: pretty), as: UTF8.self) }
}

private struct JSONWriter {
    let isPretty: Bool
    var output: [UInt8] = []

    init(isPretty: Bool) { self.isPretty = isPretty }

    mutating func write(_ value: JSONValue, indent: Int) {
        switch value {
        case .null: output += "null".utf8
        case .bool(let flag): output += (flag ? "true" : "false").utf8
        case .int(let number): output += String(number).utf8
        case .double(let number): output += (number.isFinite ? "\(number)" : "null").utf8
        case .string(let text): write(text)
        case .array(let items):
            output.append(0x5B)
            for (index, item) in items.enumerated() {
                if index > 0 { output.append(0x2C) }
                newLine(indent + 1)
                write(item, indent: indent + 1)
            }
            if !items.isEmpty { newLine(indent) }
            output.append(0x5D)
        case .object(let object):
            output.append(0x7B)
            for index in 0..<object.count {
                if index > 0 { output.append(0x2C) }
                newLine(indent + 1)
                let (key, member) = object[position: index]
                write(key)
                output.append(0x3A)
                if isPretty { output.append(0x20) }
                write(member, indent: indent + 1)
            }
            if !object.isEmpty { newLine(indent) }
            output.append(0x7D)
        }
    }

    private mutating func newLine(_ indent: Int) {
        guard isPretty else { return }
        output.append(0x0A)
        output.append(contentsOf: repeatElement(0x20, count: indent * 2))
    }

    private mutating func write(_ text: String) {
        output.append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22: output += [0x5C, 0x22]
            case 0x5C: output += [0x5C, 0x5C]
            case 0x0A: output += [0x5C, 0x6E]
            case 0x0D: output += [0x5C, 0x72]
            case 0x09: output += [0x5C, 0x74]
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                output += [0x5C, 0x75, 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: output.append(byte)
            }
        }
        output.append(0x22)
    }
}
