internal import CSys

/// What this process uses of memory and descriptors, and what it may use.
///
/// Read without opening a descriptor each time, so that it still works when there is none left. On the monitor's thread
/// only.
struct ProcessUsage {
    /// Descriptors that are never given to connections: the admin endpoint, logs, name resolution, the control plane.
    static let descriptorReserve = 32

    private let pageBytes: UInt64
    private let statm: Int32
    private let group: ControlGroup?

    init() {
        pageBytes = UInt64(max(1, gh_page_bytes()))
        statm = gh_open_read("/proc/self/statm")
        group = ControlGroup()
    }

    func closeDescriptors() {
        if statm >= 0 { close(statm) }
        group?.closeDescriptors()
    }

    /// How many connections from clients a process with these limits should hold: a quarter of the descriptors is for
    /// connections to upstream hosts.
    static func connectionsMax(descriptors: Int, used: Int) -> Int {
        max(16, (descriptors - used - descriptorReserve) / 4 * 3)
    }

    /// Resident bytes; 0 when the kernel does not tell.
    var residentBytes: UInt64 { pages.resident * pageBytes }

    /// Of the memory limit that is nearest to being met; 0 without a limit.
    ///
    /// - Parameter ownMax: a limit of the configuration, for resident memory.
    func memoryPercent(ownMax: UInt64?) -> Double {
        let pages = pages
        var percent = 0.0
        func consider(_ used: UInt64, of most: UInt64?) {
            guard let most, most > 0, most < .max / 2 else { return }
            percent = max(percent, Double(used) / Double(most) * 100)
        }
        consider(pages.resident * pageBytes, of: ownMax)
        consider(pages.virtual * pageBytes, of: UInt64(gh_resource_limit(gh_limit_address_space)))
        consider(pages.data * pageBytes, of: UInt64(gh_resource_limit(gh_limit_data)))
        if let group { consider(group.usedBytes, of: group.bytesMax) }
        return percent
    }

    /// Asked each time: an administrator may change the limits of a running process.
    var descriptorsMax: Int { Int(clamping: gh_resource_limit(gh_limit_descriptors)) }

    var descriptorsUsed: Int { Int(gh_open_descriptors()) }

    var descriptorPercent: Double {
        guard descriptorsMax > 0 else { return 0 }
        return Double(descriptorsUsed) / Double(descriptorsMax) * 100
    }

    private var pages: (virtual: UInt64, resident: UInt64, data: UInt64) {
        let numbers = Self.numbers(in: statm, count: 6)
        guard numbers.count == 6 else { return (0, 0, 0) }
        return (numbers[0], numbers[1], numbers[5])
    }

    /// The first numbers of a small file that is open already.
    static func numbers(in descriptor: Int32, count: Int) -> [UInt64] {
        var text = [UInt8](repeating: 0, count: 256)
        let length = pread(descriptor, &text, text.count, 0)
        guard length > 0 else { return [] }
        var numbers: [UInt64] = []
        for word in text.prefix(length).split(whereSeparator: { $0 == 32 || $0 == 10 }).prefix(count) {
            guard let number = UInt64(String(decoding: word, as: UTF8.self)) else { return numbers }
            numbers.append(number)
        }
        return numbers
    }
}

/// The memory control group of this process: version 2, or the memory controller of version 1.
///
/// Usage counts what cannot be dropped: without the file pages that the kernel may take back (`inactive_file`).
struct ControlGroup {
    let bytesMax: UInt64
    private let usage: Int32
    private let statistics: Int32
    private let inactiveName: String

    /// Nil without a limit.
    init?() {
        guard let list = Self.text("/proc/self/cgroup") else { return nil }
        for line in list.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isVersion2 = parts[0] == "0" && parts[1].isEmpty
            guard isVersion2 || parts[1].split(separator: ",").contains("memory") else { continue }
            let root = isVersion2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
            // Inside a container the group may be mounted as the root.
            for folder in [root + (parts[2] == "/" ? "" : String(parts[2])), root] {
                if let found = Self(folder: folder, isVersion2: isVersion2) {
                    self = found
                    return
                }
            }
        }
        return nil
    }

    private init?(folder: String, isVersion2: Bool) {
        let most = Self.text(folder + (isVersion2 ? "/memory.max" : "/memory.limit_in_bytes"))
        guard let most, let bytes = UInt64(most.split(separator: "\n").first ?? ""), bytes < 1 << 60 else { return nil }
        bytesMax = bytes
        usage = gh_open_read(folder + (isVersion2 ? "/memory.current" : "/memory.usage_in_bytes"))
        statistics = gh_open_read(folder + "/memory.stat")
        inactiveName = isVersion2 ? "inactive_file" : "total_inactive_file"
    }

    func closeDescriptors() {
        if usage >= 0 { close(usage) }
        if statistics >= 0 { close(statistics) }
    }

    var usedBytes: UInt64 {
        let used = ProcessUsage.numbers(in: usage, count: 1).first ?? 0
        let idle = inactiveBytes
        return used > idle ? used - idle : 0
    }

    private var inactiveBytes: UInt64 {
        var text = [UInt8](repeating: 0, count: 8192)
        let length = pread(statistics, &text, text.count, 0)
        guard length > 0 else { return 0 }
        for line in text.prefix(length).split(separator: 10) {
            let words = line.split(separator: 32)
            guard words.count == 2, words[0].elementsEqual(inactiveName.utf8) else { continue }
            return UInt64(String(decoding: words[1], as: UTF8.self)) ?? 0
        }
        return 0
    }

    private static func text(_ path: String) -> String? {
        let descriptor = gh_open_read(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = read(descriptor, &bytes, bytes.count)
        return length > 0 ? String(decoding: bytes.prefix(length), as: UTF8.self) : nil
    }
}
