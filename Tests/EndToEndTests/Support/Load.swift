import FileSystem
import Glibc
import JSON
import Processes

/// Requests at a fixed rate against one address, until it is told to end: `judges/load.py`.
final class Load {
    struct Result: CustomStringConvertible {
        let value: JSONValue
        let description: String

        var sent: Int { Int(value["sent"]?.integerValue ?? 0) }
        var failed: Int { Int(value["failed"]?.integerValue ?? -1) }
        /// Who answered: the beginnings of bundle digests.
        var bundles: [String] { value["bundle"]?.objectValue?.names ?? [] }
    }

    private let process: ChildProcess
    private let scratch: Scratch
    private let output: Int32

    /// - Parameter requests: files with bodies, which take turns.
    init(
        _ path: String,
        port: UInt16,
        requests: [String],
        rate: Int = 100,
        connections: Int = 4
    ) throws {
        scratch = try Scratch()
        output = open(scratch("result"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw POSIXError(operation: "open the load's result", code: errno) }
        let bodies = requests.flatMap { ["--body", $0] }
        process = try ChildProcess(
            ProcessSpecification(
                program: Programs.python,
                arguments: [
                    "\(Programs.judges)/load.py", "http://127.0.0.1:\(port)\(path)", "--rate", "\(rate)",
                    "--connections", "\(connections)", "--until-file", scratch("end"),
                ] + bodies,
                environment: Programs.environment,
                descriptors: [1: output, 2: 2],
                group: .new
            )
        )
    }

    deinit {
        _ = try? process.killAndWait()
        close(output)
    }

    /// Ends it, and says what came of every request.
    func finish() throws -> Result {
        try scratch.write("", to: "end")
        guard try process.wait(upTo: .seconds(60)) != nil else { throw Unexpected(what: "the load did not end") }
        let bytes = try FileSystem.read(scratch("result"), limit: 1 << 20)
        return Result(
            value: try JSONValue.parse(bytes, limits: .document),
            description: String(decoding: bytes, as: UTF8.self)
        )
    }
}
