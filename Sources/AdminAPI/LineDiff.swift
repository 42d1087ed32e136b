/// The difference of two texts by lines, in the unified form of `diff -u`.
enum LineDiff {
    /// Lines of context around a change.
    private static let context = 3
    /// Beyond this product of changed lines the whole middle counts as replaced, so that a diff costs bounded time.
    private static let cellsMax = 4_000_000

    enum Line: Equatable {
        case same(String)
        case removed(String)
        case added(String)

        var text: String {
            switch self {
            case .same(let line): " " + line
            case .removed(let line): "-" + line
            case .added(let line): "+" + line
            }
        }
    }

    /// The text of the diff under two names; empty when the texts are equal.
    static func unified(_ old: String, _ new: String, names: (old: String, new: String)) -> String {
        let lines = compare(split(old), split(new))
        let changed = lines.indices.filter { if case .same = lines[$0] { false } else { true } }
        guard let first = changed.first else { return "" }
        var text = "--- \(names.old)\n+++ \(names.new)\n"
        var start = max(0, first - context)
        var end = first
        for index in changed.dropFirst() {
            if index - end > 2 * context {
                text += hunk(lines, start..<min(lines.count, end + context + 1))
                start = index - context
            }
            end = index
        }
        return text + hunk(lines, start..<min(lines.count, end + context + 1))
    }

    private static func split(_ text: String) -> [Substring] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private static func hunk(_ lines: [Line], _ range: Range<Int>) -> String {
        func count(_ range: Range<Int>) -> (old: Int, new: Int) {
            lines[range].reduce(into: (0, 0)) { count, line in
                switch line {
                case .same:
                    count.old += 1
                    count.new += 1
                case .removed: count.old += 1
                case .added: count.new += 1
                }
            }
        }
        let before = count(0..<range.lowerBound)
        let inside = count(range)
        let places = [(before.old, inside.old), (before.new, inside.new)].map { start, length in
            "\(length == 0 ? start : start + 1),\(length)"
        }
        return "@@ -\(places[0]) +\(places[1]) @@\n" + lines[range].map { $0.text + "\n" }.joined()
    }

    /// The longest common subsequence decides what stayed.
    static func compare(_ old: [Substring], _ new: [Substring]) -> [Line] {
        var head = 0
        while head < min(old.count, new.count), old[head] == new[head] { head += 1 }
        var tail = 0
        while tail < min(old.count, new.count) - head, old[old.count - 1 - tail] == new[new.count - 1 - tail] {
            tail += 1
        }
        let before = Array(old[head..<(old.count - tail)])
        let after = Array(new[head..<(new.count - tail)])
        let middle =
            before.count * after.count > cellsMax
            ? before.map { .removed(String($0)) } + after.map { .added(String($0)) } : align(before, after)
        return old[..<head].map { .same(String($0)) } + middle + old[(old.count - tail)...].map { .same(String($0)) }
    }

    private static func align(_ old: [Substring], _ new: [Substring]) -> [Line] {
        let width = new.count + 1
        var lengths = [Int32](repeating: 0, count: (old.count + 1) * width)
        for i in old.indices.reversed() {
            for j in new.indices.reversed() {
                lengths[i * width + j] =
                    old[i] == new[j]
                    ? lengths[(i + 1) * width + j + 1] + 1
                    : max(lengths[(i + 1) * width + j], lengths[i * width + j + 1])
            }
        }
        var lines: [Line] = []
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            if i < old.count, j < new.count, old[i] == new[j] {
                lines.append(.same(String(old[i])))
                (i, j) = (i + 1, j + 1)
            } else if i < old.count, j == new.count || lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
                lines.append(.removed(String(old[i])))
                i += 1
            } else {
                lines.append(.added(String(new[j])))
                j += 1
            }
        }
        return lines
    }
}
