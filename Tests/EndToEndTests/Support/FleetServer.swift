import FileSystem
import Glibc
import JSON
import Processes

/// `edgefleet serve` on ports of its own, with a folder of its own.
final class FleetServer {
    let scratch: Scratch
    let port: UInt16
    let dashboardPort: UInt16
    private var process: ChildProcess?
    /// Further arguments, from the next start on.
    var more: [String]

    var data: String { scratch("fleet") }
    var url: String { "https://127.0.0.1:\(port)" }
    var dashboard: String { "http://127.0.0.1:\(dashboardPort)" }
    /// The certificate that boxes know it by.
    var authority: String { "\(data)/authority.pem" }

    /// - Parameter interval: between two check-ins of a box.
    init(interval: String = "1s", _ more: String...) throws {
        scratch = try Scratch()
        port = try AgentBox.freePort()
        dashboardPort = try AgentBox.freePort()
        self.more = ["--interval", interval] + more
        try start()
    }

    deinit { _ = try? process?.killAndWait() }

    /// Returns once it answers.
    func start() throws {
        let output = open(scratch("server.log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw POSIXError(operation: "open the server's log", code: errno) }
        defer { close(output) }
        process = try ChildProcess(
            ProcessSpecification(
                program: Programs.edgefleet,
                arguments: [
                    "serve", "--data", data, "--listen", "127.0.0.1:\(port)", "--dashboard",
                    "127.0.0.1:\(dashboardPort)",
                ] + more,
                environment: Programs.environment,
                descriptors: [1: output, 2: output],
                group: .new
            )
        )
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        while (try? api("/api/overview")) == nil {
            guard clock.now < end, process?.hasEnded == false else {
                throw Unexpected(what: "the fleet server did not start:\n\(logText)")
            }
            usleep(20_000)
        }
    }

    func stop() throws {
        process?.signal(SIGTERM)
        let status = try process?.wait(upTo: .seconds(30))
        guard status == .exited(0) else {
            throw Unexpected(what: "edgefleet ended with \(status?.description ?? "nothing"); its log:\n\(logText)")
        }
        process = nil
    }

    /// SIGKILL.
    func kill() throws {
        _ = try process?.killAndWait()
        process = nil
    }

    /// What it has used of processors so far, in hundredths of a second.
    func processorTicks() throws -> Int {
        let text = try Programs.succeed("/bin/cat", ["/proc/\(process?.processIdentifier ?? 0)/stat"])
        // The name, in parentheses, may hold anything; the fields behind it are words.
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else {
            throw Unexpected(what: "the server's processor time can't be read")
        }
        return user + system
    }

    var logText: String {
        (try? FileSystem.read(scratch("server.log"), limit: 64 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// A token for boxes.
    func token(_ more: String...) throws -> String {
        let text = try Programs.succeed(Programs.edgefleet, ["token", "create", "--data", data] + more)
        return String(text.split(separator: "\n").first ?? "")
    }

    /// A command of operators, which must succeed.
    @discardableResult
    func succeed(_ words: String...) throws -> String {
        try Programs.succeed(Programs.edgefleet, words + ["--data", data])
    }

    func run(_ words: String...) throws -> ProcessResult {
        try Programs.run(Programs.edgefleet, words + ["--data", data])
    }

    /// What the operators' side answers, by curl.
    func api(_ path: String) throws -> JSONValue {
        let text = try Programs.succeed("/usr/bin/curl", ["-sSf", "-m", "10", dashboard + path])
        return try JSONValue.parse(text.utf8, limits: .document)
    }

    /// A device as the server shows it; null where it knows none of that name.
    func device(_ id: String) throws -> DeviceView {
        let text = try Programs.run("/usr/bin/curl", ["-sS", "-m", "10", "\(dashboard)/api/devices/\(id)"]).outputText
        return DeviceView(value: try JSONValue.parse(text.utf8, limits: .document))
    }

    /// Polls until the device is shown as it is waited for.
    @discardableResult
    func wait(
        for what: String,
        of id: String,
        seconds: Int = 60,
        until isThere: (DeviceView) throws -> Bool
    ) throws -> DeviceView {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var last = DeviceView(value: .null)
        while clock.now < end {
            if let now = try? device(id) {
                last = now
                if try isThere(now) { return now }
            }
            usleep(50_000)
        }
        throw Unexpected(
            what: "\(what) of \(id) did not come within \(seconds) s: \(last)\nthe server's log:\n\(logText)"
        )
    }
}

/// A device as `/api/devices/ID` has it.
struct DeviceView: CustomStringConvertible {
    let value: JSONValue

    var description: String { String(decoding: value.compactBytes(), as: UTF8.self) }

    var endpoint: JSONValue { value["endpoints"]?[0] ?? .null }
    var runningVersion: String? { endpoint["running"]?["version"]?.stringValue }
    var events: [JSONValue] { value["events"]?.arrayValue ?? [] }

    /// The answer, such as `yes`, and its reason code, to `reachable`, `converged` or `healthy`.
    func answer(_ question: String) -> (answer: String, reason: String, sentence: String) {
        let answer = value[question]
        return (
            answer?["answer"]?.stringValue ?? "", answer?["reason"]?.stringValue ?? "",
            answer?["sentence"]?.stringValue ?? ""
        )
    }
}

extension FleetServer {
    /// Enrols a device with curl and openssl, as somebody would who has no agent.
    func enrolByHand(_ id: String) throws -> (key: String, certificate: String) {
        let parts = try token().split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5 else { throw Unexpected(what: "a token has \(parts.count) parts") }
        let (key, request) = (scratch("\(id).key"), scratch("\(id).csr"))
        try Programs.succeed(
            "/usr/bin/openssl",
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                "-out", request, "-subj", "/CN=whoever",
            ]
        )
        let pem = String(decoding: try FileSystem.read(request, limit: 1 << 16), as: UTF8.self)
        let body: JSONValue = ["device": .string(id), "request": .string(pem)]
        try scratch.write(String(decoding: body.compactBytes(), as: UTF8.self), to: "\(id).json")
        let answer = try Programs.succeed(
            "/usr/bin/curl",
            [
                "-sSf", "-m", "10", "--cacert", authority, "-H", "Authorization: Bearer \(parts[4])", "--json",
                "@\(scratch("\(id).json"))", "\(url)/v1/enrol",
            ]
        )
        let reply = try JSONValue.parse(answer.utf8, limits: .document)
        guard let certificate = reply["certificate"]?.stringValue else { throw Unexpected(what: answer) }
        return (key, try scratch.write(certificate, to: "\(id).pem"))
    }
}

/// `judges/fleet/fleet_of_another.py`.
final class FleetOfAnother {
    static let expectedMetrics: Set<String> = [
        "process.cpu.time", "process.memory.usage", "system.cpu.time", "system.memory.usage",
        "system.filesystem.usage", "edge.ml.requests", "edge.ml.errors", "edge.ml.inference.duration",
    ]

    private let scratch: Scratch
    private let process: ChildProcess
    private let input: Int32
    let token: String

    init() throws {
        scratch = try Scratch()
        var pipe: [Int32] = [-1, -1]
        guard Glibc.pipe(&pipe) == 0 else { throw POSIXError(operation: "pipe", code: errno) }
        for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let output = open(scratch("greeting"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw POSIXError(operation: "open a greeting", code: errno) }
        defer { close(output) }
        process = try ChildProcess(
            ProcessSpecification(
                program: Programs.python,
                arguments: ["\(Programs.judges)/fleet/fleet_of_another.py", scratch.path],
                environment: Programs.environment,
                descriptors: [0: pipe[0], 1: output, 2: 2],
                group: .new
            )
        )
        close(pipe[0])
        input = pipe[1]
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        var greeting: JSONValue?
        while clock.now < end, greeting == nil, !process.hasEnded {
            usleep(20_000)
            greeting = try? JSONValue.parse(try FileSystem.read(scratch("greeting"), limit: 1 << 12), limits: .document)
        }
        guard let port = greeting?["port"]?.integerValue, let authority = greeting?["authority"]?.stringValue else {
            throw Unexpected(what: "the other fleet did not start")
        }
        token = "edge1,https://127.0.0.1:\(port),\(authority),-,\(String(repeating: "ab", count: 32))"
    }

    deinit {
        close(input)
        _ = try? process.killAndWait()
    }

    func text(_ name: String) -> String {
        (try? FileSystem.read(scratch(name), limit: 64 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func lines(_ name: String) throws -> [JSONValue] {
        try text(name).split(separator: "\n").map { try JSONValue.parse($0.utf8, limits: .document) }
    }

    func metricNames() throws -> Set<String> {
        var names: Set<String> = []
        for export in try lines("metrics.jsonl") {
            for resource in export["resourceMetrics"]?.arrayValue ?? [] {
                for scope in resource["scopeMetrics"]?.arrayValue ?? [] {
                    names.formUnion((scope["metrics"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue })
                }
            }
        }
        return names
    }
}
