import Glibc
import Processes

/// A running `edgeruntime serve`; killed when the last reference goes, unless a test has stopped it.
final class ServedRuntime {
    let process: ChildProcess
    let port: UInt16
    private let log: LogReader
    /// Its TMPDIR, where the environment names none: a runtime that is killed leaves its worker's scratch folder there.
    private let temporary: Scratch

    /// Starts it on a port that the system chooses, and returns when it says that it serves.
    init(
        _ bundle: String,
        _ arguments: [String] = [],
        under wrapper: [String] = [],
        in folder: String? = nil,
        environment: [String: String] = Programs.environment
    ) throws {
        let ends = try Processes.outputPipe()
        defer { close(ends.writeEnd) }
        log = LogReader(readEnd: ends.readEnd)
        temporary = try Scratch()
        let environment = environment.merging(["TMPDIR": temporary.path]) { given, _ in given }
        let command = wrapper + [Programs.edgeruntime, "serve", bundle, "--port", "0"] + arguments
        process = try ChildProcess(
            ProcessSpecification(
                program: command[0],
                arguments: Array(command.dropFirst()),
                environment: environment,
                workingDirectory: folder,
                descriptors: [2: ends.writeEnd],
                group: .new
            )
        )
        let started = process
        do {
            let line = try log.line { $0.hasPrefix("serving ") }
            guard let number = line.split(separator: ":").last.flatMap({ UInt16($0) }) else {
                throw Unexpected(what: "no port in: \(line)")
            }
            port = number
        } catch {
            _ = try? started.killAndWait()
            throw error
        }
    }

    deinit { _ = try? process.killAndWait() }

    /// Waits until the runtime has written a line that holds a text, and returns the line.
    @discardableResult
    func logged(_ text: String) throws -> String { try log.line { $0.contains(text) } }

    /// Everything it wrote, once it has ended.
    func restOfLog() -> String {
        _ = try? log.line { _ in false }
        return log.text
    }

    /// Everything written so far.
    var logText: String { log.text }

    func connect() throws -> HTTPConnection { try HTTPConnection(port: port) }

    /// One request over a connection of its own.
    func get(_ path: String, method: String = "GET") throws -> HTTPConnection.Answer {
        try connect().ask(method, path)
    }

    /// One request with a JSON body over a connection of its own.
    func post(_ path: String, _ body: String) throws -> HTTPConnection.Answer {
        try connect().ask("POST", path, body)
    }

    /// Asks it to end, and waits until it has.
    func stop() throws -> ExitStatus {
        process.signal(SIGTERM)
        guard let status = try process.wait(upTo: .seconds(60)) else {
            throw Unexpected(what: "it did not end after SIGTERM; the log:\n\(logText)")
        }
        return status
    }
}

/// Reads what a program writes, line by line as it comes.
final class LogReader {
    private let readEnd: Int32
    private var bytes: [UInt8] = []
    /// Lines before this were looked at already.
    private var seen = 0

    init(readEnd: Int32) { self.readEnd = readEnd }

    deinit { close(readEnd) }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The next line that is wanted. Throws when the writer is gone, or after a minute.
    func line(_ isWanted: (String) -> Bool) throws -> String {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(60)
        while true {
            while let newline = bytes[seen...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: bytes[seen..<newline], as: UTF8.self)
                seen = newline + 1
                if isWanted(line) { return line }
            }
            var watched = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            guard clock.now < end, poll(&watched, 1, 60_000) > 0, readMore() else {
                throw Unexpected(what: "the line that was waited for did not come; the log:\n\(text)")
            }
        }
    }

    /// False at the end of the stream.
    private func readMore() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(readEnd, &buffer, buffer.count)
        if count > 0 { bytes += buffer[..<count] }
        return count > 0 || (count < 0 && errno == EAGAIN)
    }
}

/// Something that should have happened, and did not.
struct Unexpected: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
