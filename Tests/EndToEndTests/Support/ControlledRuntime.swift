import Glibc
import Processes
import RuntimeControl
import UnixSockets

/// `edgeruntime serve --control-fd`, with this test as its agent; killed when the last reference goes.
final class ControlledRuntime {
    let process: ChildProcess
    private let path: String
    private let log: LogReader
    private let temporary: Scratch

    /// More than anything takes, in milliseconds.
    static let patience = 60_000

    init(_ bundle: String, _ arguments: [String] = []) throws {
        temporary = try Scratch()
        path = temporary("control")
        let listener = try MessageListener(path: path)
        let ends = try Processes.outputPipe()
        defer { close(ends.writeEnd) }
        log = LogReader(readEnd: ends.readEnd)
        process = try ChildProcess(
            ProcessSpecification(
                program: Programs.edgeruntime,
                arguments: ["serve", bundle, "--control-fd", "3"] + arguments,
                environment: Programs.environment.merging(["TMPDIR": temporary.path]) { given, _ in given },
                descriptors: [2: ends.writeEnd, 3: listener.descriptor],
                group: .new
            )
        )
    }

    deinit { _ = try? process.killAndWait() }

    func connect() throws -> RuntimeConnection {
        try RuntimeConnection.connect(to: path, milliseconds: Self.patience)
    }

    /// A connection to it once it is in that state.
    func connected(in state: RuntimeState) throws -> RuntimeConnection {
        let connection = try connect()
        let clock = ContinuousClock()
        let end = clock.now + .milliseconds(Self.patience)
        while try connection.hello(milliseconds: Self.patience).state != state {
            guard clock.now < end else { throw Unexpected(what: "it is not \(state); the log:\n\(log.text)") }
            usleep(5000)
        }
        return connection
    }

    func end() throws -> ExitStatus {
        guard let status = try process.wait(upTo: .milliseconds(Self.patience)) else {
            throw Unexpected(what: "it did not end; the log:\n\(log.text)")
        }
        return status
    }

    /// Everything it wrote, once it has ended.
    func restOfLog() -> String {
        _ = try? log.line { _ in false }
        return log.text
    }
}
