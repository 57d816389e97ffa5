import JSON
import Testing

@testable import Telemetry

@Suite struct OTLPTests {
    private let metrics = SampleTelemetry.metrics
    private let logs = SampleTelemetry.logs

    @Test func readsWhatItWrites() throws {
        #expect(try MetricsExport(protobuf: metrics.protobufBytes()) == metrics)
        #expect(try LogsExport(protobuf: logs.protobufBytes()) == logs)
        #expect(try MetricsExport(json: metrics.json().compactBytes()) == metrics)
        #expect(try LogsExport(json: logs.json().compactBytes()) == logs)
        #expect(metrics.pointCount == 9)
        #expect(logs.recordCount == 3)
    }

    @Test func readsAndWritesResponses() throws {
        let partial = ExportResponse(rejected: 3, problem: "too many series")
        #expect(try ExportResponse(protobuf: partial.protobufBytes()) == partial)
        #expect(ExportResponse().protobufBytes() == [])
        #expect(try ExportResponse(protobuf: []).isFullSuccess)
        for signal in [ExportResponse.Signal.metrics, .logs] {
            #expect(try ExportResponse(json: partial.json(of: signal).compactBytes(), of: signal) == partial)
        }
        // What some collectors answer.
        #expect(try ExportResponse(json: Array(#"{"partialSuccess":null}"#.utf8), of: .logs).isFullSuccess)
    }

    /// Every prefix and every changed byte is read or refused; none ends the process.
    @Test func survivesBytesOfAnyKind() {
        let (metrics, logs) = (metrics.protobufBytes(), logs.protobufBytes())
        for bytes in [metrics, logs] {
            for count in 0..<bytes.count { read(Array(bytes[..<count])) }
            for index in bytes.indices {
                for change in [0x01, 0xff] as [UInt8] {
                    var changed = bytes
                    changed[index] ^= change
                    read(changed)
                }
            }
        }
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<5_000 {
            read((0..<Int.random(in: 0..<40, using: &generator)).map { _ in .random(in: 0...255, using: &generator) })
        }
    }

    private func read(_ bytes: [UInt8]) {
        _ = try? MetricsExport(protobuf: bytes)
        _ = try? LogsExport(protobuf: bytes)
        _ = try? ExportResponse(protobuf: bytes)
    }

    @Test func skipsFieldsItDoesNotKnow() throws {
        var writer = ProtobufWriter()
        writer.integer(99, 5)
        writer.fixed(98, 5)
        writer.text(97, "unknown")
        // Known numbers with another wire type.
        writer.integer(1, 7)
        writer.message(1) { $0.message(2) { $0.message(2) { $0.text(12, "kept") } } }
        let logs = try LogsExport(protobuf: writer.bytes)
        #expect(logs.resources.first?.scopes.first?.records.first?.eventName == "kept")
        #expect(try LogsExport(json: Array(#"{"later":[1],"resourceLogs":[]}"#.utf8)) == LogsExport())
    }

    @Test func takesRepeatedNumbersPackedOrNot() throws {
        var writer = ProtobufWriter()
        writer.message(1) {
            $0.message(2) {
                $0.message(2) { writer in
                    writer.message(9) {
                        $0.message(1) { point in
                            for count in [1, 2] as [UInt64] { point.fixed(6, count) }
                            point.packedFixed(6, [3])
                            point.double(7, 0.5)
                        }
                    }
                }
            }
        }
        let metric = try #require(
            try MetricsExport(protobuf: writer.bytes).resources.first?.scopes.first?.metrics.first
        )
        #expect(metric.data == .histogram([HistogramPoint(bucketCounts: [1, 2, 3], bounds: [0.5])], .unspecified))
    }

    @Test func refusesWhatIsMalformed() {
        for bytes in [
            [0x0a], [0x0a, 0x05, 0x00], [0x00], [0x0b], [0x80], [0x09, 1, 2],
            [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ] as [[UInt8]] {
            #expect(throws: OTLPError.self, "\(bytes)") { try LogsExport(protobuf: bytes) }
        }
        let notText = [UInt8]([0x0a, 7, 0x12, 5, 0x0a, 3, 0x0a, 1, 0xff])
        #expect(throws: OTLPError.self) { try LogsExport(protobuf: notText) }
        for text in [
            "", "[]", "{", #"{"resourceLogs":{}}"#,
            #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":-1}]}]}]}"#,
            #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"SEVERITY_NUMBER_INFO"}]}]}]}"#,
            #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"bytesValue":"?"}}]}]}]}"#,
        ] { #expect(throws: OTLPError.self, "\(text)") { try LogsExport(json: Array(text.utf8)) } }
    }

    struct Limit: Sendable {
        let name: String
        let set: @Sendable (inout OTLPLimits) -> Void
    }

    @Test(arguments: [
        Limit(name: "bytes") { $0.bytes = 100 }, Limit(name: "values") { $0.values = 5 },
        Limit(name: "depth") { $0.depth = 2 }, Limit(name: "attributes") { $0.attributes = 3 },
        Limit(name: "text") { $0.textBytes = 8 },
    ])
    func keepsItsLimits(limit: Limit) {
        var limits = OTLPLimits()
        limit.set(&limits)
        #expect(throws: OTLPError.self) { try MetricsExport(protobuf: metrics.protobufBytes(), limits: limits) }
        #expect(throws: OTLPError.self) { try LogsExport(protobuf: logs.protobufBytes(), limits: limits) }
        if limit.name != "values" {
            #expect(throws: OTLPError.self) { try MetricsExport(json: metrics.json().compactBytes(), limits: limits) }
        }
    }

    @Test func bucketsHaveALimit() {
        var limits = OTLPLimits()
        limits.buckets = 3
        #expect(throws: OTLPError.overLimit("a histogram of more buckets", limit: 3)) {
            try MetricsExport(protobuf: metrics.protobufBytes(), limits: limits)
        }
    }

    /// Two bytes stand for a value of many: what they cost is bounded before they are stored.
    @Test func manyEmptyPointsAreRefused() {
        var writer = ProtobufWriter()
        writer.message(1) {
            $0.message(2) {
                $0.message(2) {
                    $0.message(5) { gauge in
                        for _ in 0..<150_000 { gauge.message(1) { _ in } }
                    }
                }
            }
        }
        let bytes = writer.bytes
        #expect(throws: OTLPError.overLimit("too many values", limit: 100_000)) { try MetricsExport(protobuf: bytes) }
    }

    @Test func nestingIsBounded() {
        var bytes: [UInt8] = [0x18, 1]
        for _ in 0..<2_000 {
            for field in [1, 5] as [UInt32] {
                var writer = ProtobufWriter()
                writer.data(field, bytes)
                bytes = writer.bytes
            }
        }
        var writer = ProtobufWriter()
        writer.message(1) { $0.message(2) { $0.message(2) { $0.data(5, bytes) } } }
        #expect(throws: OTLPError.overLimit("values nested deeper", limit: 8)) {
            try LogsExport(protobuf: writer.bytes)
        }
    }

    @Test(arguments: [([], ""), ([0], "AA=="), ([255, 254], "//4="), ([1, 2, 3], "AQID")] as [([UInt8], String)])
    func base64(bytes: [UInt8], text: String) {
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.decode(text) == bytes)
        #expect(Base64.decode(text.filter { $0 != "=" }) == bytes)
        #expect(Base64.decode("A") == nil)
    }
}
