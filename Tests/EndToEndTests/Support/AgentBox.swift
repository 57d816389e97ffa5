import FileSystem
import Glibc
import JSON
import Processes

/// A box: a store, an address, and an agent that runs while a test wants it to.
final class AgentBox {
    let scratch: Scratch
    let port: UInt16
    private(set) var agent: ChildProcess?
    private let log: String

    var store: String { scratch("box") }
    var device: String { "box-\(port)" }
    private var config: String { scratch("config.yaml") }

    /// - Parameter repository: a folder or a URL; nil for a box that takes sticks only.
    init(
        _ repository: String?,
        root: String,
        poll: String = "1s",
        startLimit: String = "20s",
        more: String = ""
    ) throws {
        scratch = try Scratch()
        port = try Self.freePort()
        log = scratch("agent.log")
        try scratch.write(
            """
            device: \(device)
            channel: \(UpdateRepository.channel)
            repository: {\(repository.map { "url: \($0), " } ?? "")root: \(root)}
            endpoints:
              \(UpdateRepository.endpoint): {listen: "127.0.0.1:\(port)"}
            poll_interval: \(poll)
            start_limit: \(startLimit)
            \(more)

            """,
            to: "config.yaml"
        )
    }

    deinit {
        _ = try? agent?.killAndWait()
        for process in runtimeProcesses { kill(process, SIGKILL) }
    }

    /// A port that nothing listens on now.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        guard result == 0 else { throw POSIXError(operation: "find a free port", code: errno) }
        return UInt16(bigEndian: address.sin_port)
    }

    // MARK: - The agent

    /// Returns once the agent answers.
    func start(_ arguments: String...) throws {
        let output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw POSIXError(operation: "open \(log)", code: errno) }
        defer { close(output) }
        agent = try ChildProcess(
            ProcessSpecification(
                program: Programs.edgeagent,
                arguments: ["run", "--store", store, "--config", config] + arguments,
                environment: Programs.environment,
                descriptors: [1: output, 2: output],
                group: .newSession
            )
        )
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        while (try? status())?["agent"]?.stringValue != "running" {
            guard clock.now < end, agent?.hasEnded == false else {
                throw Unexpected(what: "the agent did not start:\n\(logText)")
            }
            usleep(20_000)
        }
    }

    /// Tells the agent to end, and waits until it has.
    func stop() throws {
        agent?.signal(SIGTERM)
        let status = try agent?.wait(upTo: .seconds(30))
        guard status == .exited(0) else {
            throw Unexpected(what: "the agent ended with \(status?.description ?? "nothing"); the log:\n\(logText)")
        }
        agent = nil
    }

    /// SIGKILL, to the agent alone.
    func killAgent() throws {
        guard let agent else { return }
        kill(agent.processIdentifier, SIGKILL)
        _ = try agent.wait()
        self.agent = nil
    }

    /// A command of `edgeagent` on this box, by hand.
    func command(_ name: String, _ arguments: String...) throws -> ProcessResult {
        try Programs.run(Programs.edgeagent, [name, "--store", store] + arguments)
    }

    /// The same, which must succeed.
    @discardableResult
    func succeed(_ name: String, _ arguments: String...) throws -> String {
        try Programs.succeed(Programs.edgeagent, [name, "--store", store, "--config", config] + arguments)
    }

    var logText: String {
        (try? FileSystem.read(log, limit: 64 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    // MARK: - What it says

    func status() throws -> JSONValue {
        let text = try Programs.succeed(Programs.edgeagent, ["status", "--store", store, "--json"])
        return try JSONValue.parse(text.utf8, limits: .document)
    }

    func endpoint() throws -> EndpointView { EndpointView(value: try status()["endpoints"]?[0] ?? .null) }

    /// Why the box does not know what is wanted today; nil where it does.
    func problem() throws -> (waitingFor: String, sentence: String)? { Self.problem(in: try status()) }

    static func problem(in status: JSONValue) -> (waitingFor: String, sentence: String)? {
        guard let problem = status["sync"], problem != .null else { return nil }
        return (problem["waitingFor"]?.stringValue ?? "", problem["sentence"]?.stringValue ?? "")
    }

    /// The sentence of `edgeagent why`.
    func why() throws -> String {
        try Programs.succeed(Programs.edgeagent, ["why", UpdateRepository.endpoint, "--store", store])
    }

    /// Polls until the endpoint is as it is waited for, and returns it. Throws after so many seconds, with the log.
    @discardableResult
    func wait(
        for what: String,
        seconds: Int = 60,
        until isThere: (EndpointView) throws -> Bool
    ) throws -> EndpointView {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var last = EndpointView(value: .null)
        while clock.now < end {
            if let now = try? endpoint() {
                last = now
                if try isThere(now) { return now }
            }
            usleep(50_000)
        }
        throw Unexpected(what: "\(what) did not come within \(seconds) s: \(last)\nthe agent's log:\n\(logText)")
    }

    /// Until this version serves and its update has come to its end.
    @discardableResult
    func waitUntilServing(_ version: Int, seconds: Int = 60) throws -> EndpointView {
        try wait(for: "version \(version)", seconds: seconds) { endpoint in
            endpoint.state == "Idle" && endpoint.version == "\(version)" && endpoint.isServingCurrent
        }
    }

    /// Processes of runtimes that the endpoint has now.
    var runtimeProcesses: [Int32] { (try? endpoint().runtimes.map(\.process)) ?? [] }

    func connect() throws -> HTTPConnection { try HTTPConnection(port: port) }

    func score(_ path: String, _ body: String) throws -> HTTPConnection.Answer {
        try connect().ask("POST", path, body)
    }
}

/// An endpoint as `edgeagent status --json` shows it.
struct EndpointView: CustomStringConvertible {
    struct Runtime {
        let process: Int32
        let phase: String
        let loaded: String
    }

    let value: JSONValue

    var description: String { String(decoding: value.compactBytes(), as: UTF8.self) }

    var state: String { value["state"]?.stringValue ?? "" }
    /// Of the bundle that the store names as the current one.
    var version: String? { value["current"]?["version"]?.stringValue }
    var current: String? { value["current"]?["bundle"]?.stringValue }
    var waiting: String? { value["waiting"]?.stringValue }
    var result: String? { value["result"]?.stringValue }
    var lastResult: String? { value["last"]?["result"]?.stringValue }
    var lastSerial: Int? { value["last"]?["serial"]?.integerValue.map { Int($0) } }
    /// What exactly is waited for, or went wrong with the last try.
    var trouble: String { value["trouble"]?.stringValue ?? "" }
    var lastDetail: String { value["last"]?["detail"]?.stringValue ?? "" }

    var runtimes: [Runtime] {
        (value["runtimes"]?.arrayValue ?? []).compactMap { runtime in
            guard let process = runtime["pid"]?.integerValue, let phase = runtime["phase"]?.stringValue,
                let loaded = runtime["loaded"]?.stringValue
            else { return nil }
            return Runtime(process: Int32(process), phase: phase, loaded: loaded)
        }
    }

    /// Whether exactly one runtime serves, and what it has loaded is what the store names.
    var isServingCurrent: Bool {
        let serving = runtimes.filter { $0.phase == "serving" }
        return serving.count == 1 && serving[0].loaded == current
    }
}

extension Programs {
    /// Listens on a port of 127.0.0.1 until the descriptor is closed.
    static func occupy(_ port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0, listen(descriptor, 1) == 0 else { throw POSIXError(operation: "listen", code: errno) }
        return descriptor
    }
}
