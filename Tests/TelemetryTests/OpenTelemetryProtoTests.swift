import FileSystem
import Glibc
import JSON
import Processes
import Testing

@testable import Telemetry

/// PyPI's `opentelemetry-proto` (the classes made from the official .proto files) reads what we write and writes what we
/// read. It is run by the Python that EDGE_TOOLS_PYTHON names; without one these tests say so and judge nothing.
@Suite struct OpenTelemetryProtoTests {
    private static let python: String? = {
        guard let python = getenv("EDGE_TOOLS_PYTHON").map({ String(cString: $0) }) else {
            print("not judged by opentelemetry-proto: EDGE_TOOLS_PYTHON names no Python that has it")
            return nil
        }
        let probe = try? Processes.run(python, arguments: ["-c", "import opentelemetry.proto.metrics.v1.metrics_pb2"])
        guard probe?.isSuccess == true else {
            print("not judged by opentelemetry-proto: \(python) can't import it")
            return nil
        }
        return python
    }()

    /// Runs the judge; nil where there is none.
    private func judge(_ arguments: [String], input: [UInt8] = []) throws -> ProcessResult? {
        guard let python = Self.python else { return nil }
        let script = "\(FileSystem.parent(of: #filePath))/judges/telemetry.py"
        let environment = ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"]
        let result = try Processes.run(python, arguments: [script] + arguments, environment: environment, input: input)
        try #require(result.isSuccess, "\(result.errorText)")
        return result
    }

    struct Message: Sendable {
        let kind: String
        let protobuf: [UInt8]
        let json: JSONValue
        /// Reads the binary form and gives the JSON form of what was read.
        let read: @Sendable ([UInt8]) throws -> JSONValue
    }

    private static let partial = ExportResponse(rejected: 7, problem: "limit of series")

    static let messages = [
        Message(
            kind: "metrics",
            protobuf: SampleTelemetry.metrics.protobufBytes(),
            json: SampleTelemetry.metrics.json(),
            read: { try MetricsExport(protobuf: $0).json() }
        ),
        Message(
            kind: "logs",
            protobuf: SampleTelemetry.logs.protobufBytes(),
            json: SampleTelemetry.logs.json(),
            read: { try LogsExport(protobuf: $0).json() }
        ),
        Message(
            kind: "metrics-response",
            protobuf: partial.protobufBytes(),
            json: partial.json(of: .metrics),
            read: { try ExportResponse(protobuf: $0).json(of: .metrics) }
        ),
        Message(
            kind: "logs-response",
            protobuf: partial.protobufBytes(),
            json: partial.json(of: .logs),
            read: { try ExportResponse(protobuf: $0).json(of: .logs) }
        ),
    ]

    @Test(arguments: messages) func readsWhatWeWrite(message: Message) throws {
        let folder = try TemporaryDirectory(prefix: "telemetry-tests")
        let path = "\(folder.path)/message"
        try FileSystem.write(message.protobuf, to: path)
        guard let result = try judge(["read", message.kind, path]) else { return }
        let read = try JSONValue.parse(result.standardOutput, limits: .document)
        #expect(plain(read) == plain(message.json))
    }

    @Test(arguments: messages) func writesWhatWeRead(message: Message) throws {
        let folder = try TemporaryDirectory(prefix: "telemetry-tests")
        let path = "\(folder.path)/message"
        guard try judge(["write", message.kind, path], input: message.json.compactBytes()) != nil else { return }
        let written = try FileSystem.read(path, limit: 1 << 20)
        #expect(plain(try message.read(written)) == plain(message.json))
    }

    /// Numbers by their value: 1 and 1.0 are one.
    private func plain(_ value: JSONValue) -> JSONValue {
        switch value {
        case .number(let number): (try? JSONNumber(number.double)).map { .number($0) } ?? value
        case .array(let elements): .array(elements.map(plain))
        case .object(let object): .object(JSONObject(object.members.map { ($0.name, plain($0.value)) }))
        case .null, .boolean, .string: value
        }
    }
}
