internal import SwiftProtobuf

private typealias FileLog = Envoy_Extensions_AccessLoggers_File_V3_FileAccessLog
private typealias StdoutLog = Envoy_Extensions_AccessLoggers_Stream_V3_StdoutAccessLog

extension AccessLog {
    init(_ log: Envoy_Config_Accesslog_V3_AccessLog, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(log)
        let typed = path.child("typed_config")
        let format: (Format, Bool)
        let sink: Sink
        if log.typedConfig.holds(FileLog.self) {
            let file = try typed.unpack(log.typedConfig, as: FileLog.self)
            sink = file.path == "/dev/stdout" ? .stdout : .file(path: try typed.nonEmpty(file.path, "path"))
            format = try Self.format(file.accessLogFormat == nil ? nil : file.logFormat, at: typed.child("log_format"))
        } else if log.typedConfig.holds(StdoutLog.self) {
            let stdout = try typed.unpack(log.typedConfig, as: StdoutLog.self)
            sink = .stdout
            format = try Self.format(
                stdout.accessLogFormat == nil ? nil : stdout.logFormat,
                at: typed.child("log_format")
            )
        } else {
            throw typed.error("access log \(log.typedConfig.messageName) is not supported")
        }
        self.init(
            name: log.name,
            sink: sink,
            format: format.0,
            omitsEmptyValues: format.1,
            filter: log.hasFilter ? try AccessLogFilter(log.filter, at: path.child("filter")) : nil
        )
    }

    /// The format, and whether empty values are left out.
    static func format(
        _ value: Envoy_Config_Core_V3_SubstitutionFormatString?,
        at path: FieldPath
    ) throws(DecodeError) -> (Format, Bool) {
        guard let value else { return (.standard, false) }
        try path.refuseUnknown(value)
        switch value.format {
        case .jsonFormat(let json):
            return (.json(MetadataValue.object(json)), value.omitEmptyValues)
        case .textFormatSource(let source):
            let bytes = try DataSource.inlineBytes(source, at: path.child("text_format_source"))
            return (.text(String(decoding: bytes, as: UTF8.self)), value.omitEmptyValues)
        case nil:
            throw path.error("holds no format")
        }
    }

    static func list(
        _ logs: [Envoy_Config_Accesslog_V3_AccessLog],
        _ name: String,
        at path: FieldPath
    ) throws(DecodeError) -> [AccessLog] {
        try path.list(logs, name) { (log, path) throws(DecodeError) in try AccessLog(log, at: path) }
    }
}

extension AccessLogFilter {
    init(_ filter: Envoy_Config_Accesslog_V3_AccessLogFilter, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(filter)
        switch filter.filterSpecifier {
        case .statusCodeFilter(let status):
            let comparison = try Self.comparison(status.comparison, at: path.child("status_code_filter"))
            self = .status(comparison.0, comparison.1)
        case .durationFilter(let duration):
            let comparison = try Self.comparison(duration.comparison, at: path.child("duration_filter"))
            self = .duration(comparison.0, milliseconds: comparison.1)
        case .notHealthCheckFilter:
            self = .notHealthCheck
        case .runtimeFilter(let runtime):
            self = .sampled(try Fraction(runtime.percentSampled, at: path.child("runtime_filter.percent_sampled")))
        case .andFilter(let all):
            self = .all(try Self.list(all.filters, at: path.child("and_filter")))
        case .orFilter(let any):
            self = .any(try Self.list(any.filters, at: path.child("or_filter")))
        case .headerFilter(let header):
            self = .header(try HeaderMatcher(header.header, at: path.child("header_filter.header")))
        case .responseFlagFilter(let flags):
            self = .responseFlags(flags.flags)
        case .grpcStatusFilter(let status):
            let codes = status.statuses.map { UInt32(clamping: $0.rawValue) }
            self = .grpcStatus(codes, isExcluding: status.exclude)
        case nil:
            throw path.error("holds no filter")
        }
    }

    private static func list(
        _ filters: [Envoy_Config_Accesslog_V3_AccessLogFilter],
        at path: FieldPath
    ) throws(DecodeError) -> [AccessLogFilter] {
        try path.list(filters, "filters") { (filter, path) throws(DecodeError) in try AccessLogFilter(filter, at: path)
        }
    }

    private static func comparison(
        _ filter: Envoy_Config_Accesslog_V3_ComparisonFilter,
        at path: FieldPath
    ) throws(DecodeError) -> (Comparison, UInt32) {
        let operation: Comparison =
            switch filter.op {
            case .eq: .equal
            case .ge: .atLeast
            case .le: .atMost
            case .ne: .notEqual
            case .UNRECOGNIZED: throw path.child("comparison.op").error("unknown value")
            }
        return (operation, filter.value.defaultValue)
    }
}
