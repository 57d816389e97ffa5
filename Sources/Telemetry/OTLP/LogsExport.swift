/// Log records as they are sent: ExportLogsServiceRequest of opentelemetry/proto/collector/logs/v1.
///
/// Trace and span ids are not kept: nothing here makes spans.
package struct LogsExport: Hashable, Sendable {
    package var resources: [ResourceLogs]

    package init(_ resources: [ResourceLogs] = []) { self.resources = resources }

    package var recordCount: Int { resources.reduce(0) { $0 + $1.scopes.reduce(0) { $0 + $1.records.count } } }
}

/// The log records of one resource: a process on a box.
package struct ResourceLogs: Hashable, Sendable {
    package var attributes: [TelemetryAttribute]
    package var scopes: [ScopeLogs]

    package init(attributes: [TelemetryAttribute] = [], scopes: [ScopeLogs] = []) {
        self.attributes = attributes
        self.scopes = scopes
    }
}

/// The log records of one scope.
package struct ScopeLogs: Hashable, Sendable {
    package var scope: TelemetryScope
    package var records: [LogRecord]

    package init(scope: TelemetryScope = TelemetryScope(), records: [LogRecord] = []) {
        self.scope = scope
        self.records = records
    }
}

/// LogRecord of opentelemetry/proto/logs/v1/logs.proto.
package struct LogRecord: Hashable, Sendable {
    /// When it happened, in nanoseconds since 1970 UTC; 0 where that is not known.
    package var time: UInt64
    /// When it was seen; collectors want it set.
    package var observed: UInt64
    package var severity: LogSeverity
    package var severityText: String
    package var body: TelemetryValue
    package var attributes: [TelemetryAttribute]
    /// Of an event: its kind.
    package var eventName: String

    package init(
        time: UInt64 = 0,
        observed: UInt64 = 0,
        severity: LogSeverity = .unspecified,
        severityText: String = "",
        body: TelemetryValue = .empty,
        attributes: [TelemetryAttribute] = [],
        eventName: String = ""
    ) {
        self.time = time
        self.observed = observed
        self.severity = severity
        self.severityText = severityText
        self.body = body
        self.attributes = attributes
        self.eventName = eventName
    }
}

/// SeverityNumber of logs.proto: 1 to 24, four for each name.
package struct LogSeverity: Hashable, Comparable, Sendable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    package static let unspecified = LogSeverity(0)
    package static let debug = LogSeverity(5)
    package static let information = LogSeverity(9)
    package static let warning = LogSeverity(13)
    package static let error = LogSeverity(17)
    package static let fatal = LogSeverity(21)

    package static func < (left: LogSeverity, right: LogSeverity) -> Bool { left.number < right.number }
}

/// What a receiver answers with 200: ExportMetricsServiceResponse and ExportLogsServiceResponse, which are alike.
///
/// Whatever was rejected must not be sent again (OTLP 1.11, "Partial Success").
package struct ExportResponse: Hashable, Sendable {
    /// Data points or log records that were not taken.
    package var rejected: Int64
    /// Why, or a warning where none was rejected; for people.
    package var problem: String

    package init(rejected: Int64 = 0, problem: String = "") {
        self.rejected = rejected
        self.problem = problem
    }

    /// All was taken, and there is nothing to say about it.
    package var isFullSuccess: Bool { rejected == 0 && problem.isEmpty }
}
