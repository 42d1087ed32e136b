/// How old something is, as kubectl prints it: in the two largest units that tell something, `5s`, `3m10s`, `2h`, `4d`.
///
/// Source: Kubernetes `HumanDuration`; its scripts sort and cut this column, so the thresholds are the same.
enum Age {
    static func text(seconds: Int64) -> String {
        let age = max(0, seconds)
        switch age {
        case ..<120: return "\(age)s"
        case ..<600: return pair(age / 60, "m", age % 60, "s")
        case ..<10_800: return "\(age / 60)m"
        case ..<28_800: return pair(age / 3600, "h", age / 60 % 60, "m")
        case ..<172_800: return "\(age / 3600)h"
        case ..<691_200: return pair(age / 86_400, "d", age / 3600 % 24, "h")
        case ..<63_072_000: return "\(age / 86_400)d"
        default: return "\(age / 31_536_000)y"
        }
    }

    private static func pair(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large)\(largeUnit)" : "\(large)\(largeUnit)\(small)\(smallUnit)"
    }
}
