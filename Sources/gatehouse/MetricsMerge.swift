internal import Base
internal import Foundation
internal import Serving

/// The metrics of the gateways on this host, merged into one exposition.
///
/// Each gateway leaves the address of its admin listener in its state folder. Every sample gets a label `proxy` with
/// the gateway's name, so that equal series of two gateways stay apart.
struct MetricsMerge: Sendable {
    static let bytesMax = 32 << 20

    var dataDirectory: String

    func text() async -> String {
        var help: [String: String] = [:]
        var samples: [String: [String]] = [:]
        var order: [String] = []
        for role in GatewayRole.all {
            guard let text = await scrape(role.name) else { continue }
            var family = ""
            for line in text.split(separator: "\n") {
                if line.hasPrefix("# ") {
                    let words = line.split(separator: " ", maxSplits: 3)
                    guard words.count > 2 else { continue }
                    family = String(words[2])
                    if samples[family] == nil {
                        samples[family] = []
                        order.append(family)
                    }
                    let key = family + " " + words[1]
                    if help[key] == nil { help[key] = String(line) }
                } else {
                    samples[family, default: []].append(Self.label(line, with: role.name))
                }
            }
        }
        var merged = ""
        for family in order {
            for kind in ["HELP", "TYPE"] { if let line = help[family + " " + kind] { merged += line + "\n" } }
            for sample in samples[family] ?? [] { merged += sample + "\n" }
        }
        return merged
    }

    /// `name{a="b"} 1` becomes `name{proxy="…",a="b"} 1`.
    static func label(_ line: Substring, with proxy: String) -> String {
        let end = line.firstIndex { $0 == "{" || $0 == " " } ?? line.endIndex
        let name = line[..<end]
        guard end < line.endIndex, line[end] == "{" else { return "\(name){proxy=\"\(proxy)\"}\(line[end...])" }
        let rest = line[line.index(after: end)...]
        return "\(name){proxy=\"\(proxy)\"\(rest.hasPrefix("}") ? "" : ",")\(rest)"
    }

    private func scrape(_ name: String) async -> String? {
        let path = DataDirectory.gateway(dataDirectory, name) + "/admin.address"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let address = SocketAddress(text.trimmingCharacters(in: .whitespacesAndNewlines)),
            let client = try? HTTPClient(.host(address.address.description, port: address.port))
        else { return nil }
        defer { client.close() }
        do {
            let response = try await client.send(
                "GET",
                "/metrics",
                headers: ["host": "localhost"],
                timeout: .seconds(3)
            )
            let body = try await response.body.collect(upTo: Self.bytesMax)
            return response.status == 200 ? String(decoding: body, as: UTF8.self) : nil
        } catch {
            return nil  // A gateway that is being replaced has nothing to say.
        }
    }
}
