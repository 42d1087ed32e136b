internal import Foundation

/// Lines for the operator, on standard error; standard output belongs to the access log.
enum Log {
    static func error(_ text: String) { write("error", text) }
    static func warning(_ text: String) { write("warning", text) }
    static func notice(_ text: String) { write("notice", text) }

    private static func write(_ level: String, _ text: String) {
        let time = Date.now.formatted(.iso8601.dateSeparator(.dash).timeSeparator(.colon))
        let line = "\(time) \(level) \(text)\n"
        FileHandle.standardError.write(Data(line.utf8))
    }
}
