import CommandLine
import Deployment
import Diagnostics
import EdgeAgent
import FileSystem
import Glibc

/// Hands a wish to the running agent, or does it here where none runs, and waits until the box has come to rest.
enum Wishing {
    static let noWait = Option.flag("no-wait", summary: "don't wait until the update has come to its end")

    static func carryOut(_ wish: AgentWish, _ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let layout = try Box.layout(arguments)
        let waits = !arguments[noWait]
        let before = steps(layout)
        if try isCarriedOutByAgent(wish, layout) {
            if waits { try waitUntilIdle(layout) }
        } else {
            try Box.configure(arguments)
            try carryOutHere(wish, layout, terminal)
        }
        let code = try StatusCommand.print(layout, arguments, terminal, asJSON: false)
        if waits, let failure = try failure(of: wish, since: before, layout) { throw failure }
        return code
    }

    /// How far the history of each endpoint went.
    private static func steps(_ layout: StoreLayout) -> [EndpointName: Int] {
        let endpoints = (try? BoxStatus.read(layout))?.endpoints ?? []
        return Dictionary(endpoints.map { ($0.name, $0.state.history.entries.last?.sequence ?? 0) }) { first, _ in first
        }
    }

    /// An update that has ended badly since: scripts go by the exit code. Going back was what a rollback asked for.
    private static func failure(
        of wish: AgentWish,
        since before: [EndpointName: Int],
        _ layout: StoreLayout
    ) throws -> AgentRefusal? {
        if case .rollback = wish { return nil }
        for endpoint in try BoxStatus.read(layout).endpoints {
            let reached = endpoint.state.history.entries.last?.sequence ?? 0
            guard reached > before[endpoint.name] ?? 0, endpoint.state.progress.attempt == nil,
                let ending = endpoint.state.progress.last?.ending, ending.result.isFailure
            else { continue }
            let detail = ending.detail.isEmpty ? "" : ": \(ending.detail)"
            return AgentRefusal(message: "\(endpoint.name): \(ending.result.sentence)\(detail)")
        }
        return nil
    }

    private static func isCarriedOutByAgent(_ wish: AgentWish, _ layout: StoreLayout) throws -> Bool {
        guard try FileSystem.status(of: layout.format) != nil else { return false }
        return try AgentCall.ask(wish, layout) != nil
    }

    private static func carryOutHere(_ wish: AgentWish, _ layout: StoreLayout, _ terminal: Terminal) throws {
        var options = Agent.Options()
        options.once = wish
        // One that has just been started has the store before it can be talked to; one that ends, the other way round.
        for _ in 0..<50 {
            let agent: Agent
            do {
                agent = try Agent(layout, options: options) { terminal.notice($0) }
            } catch let error as StoreError where error == .inUse(path: layout.root) {
                usleep(100_000)
                if try isCarriedOutByAgent(wish, layout) { return }
                continue
            }
            try agent.run()
            if let problem = agent.problem { throw problem }
            if agent.wasStopped { throw Interruption() }
            return
        }
        throw StoreError.inUse(path: layout.root)
    }

    private static func waitUntilIdle(_ layout: StoreLayout) throws {
        while let words = try AgentCall.ask(.ping, layout) {
            switch AgentPresence(words) {
            case .idle: return
            case .working: usleep(100_000)
            case .halted(let problem): throw AgentRefusal(message: "updates stand still: \(problem)")
            }
        }
    }
}

/// Somebody ended the command before the box had come to rest.
struct Interruption: ExplainedError {
    var message: String { "stopped before it was done" }

    var hint: String? { "the next command, or agent, goes on where this one was stopped" }

    var exitCode: ExitCode { .tryAgain }
}

/// `edgeagent sync`.
enum SyncCommand {
    static let command = Command(
        "sync",
        summary: "look at the repository now, and carry out what it says",
        examples: [Example("Look now, not at the next poll", "edgeagent sync")],
        options: [Wishing.noWait],
        exitCodes: [.failed, .configuration, .tryAgain, .unavailable, .ioError],
        run: { try Wishing.carryOut(.sync, $0, $1) }
    )
}

/// `edgeagent retry`.
enum RetryCommand {
    private static let endpoint = Argument.optional("ENDPOINT", .text, summary: "the endpoint that is meant; else all")

    static let command = Command(
        "retry",
        summary: "forget what was found against bundles, and try again",
        examples: [Example("After the reason is gone", "edgeagent retry digits")],
        arguments: [endpoint],
        options: [Wishing.noWait],
        exitCodes: [.failed, .configuration, .tryAgain, .unavailable, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let name = try arguments[endpoint].map { text in
            guard let name = EndpointName(text) else { throw StoreError.noEndpoint(name: text) }
            return name
        }
        return try Wishing.carryOut(.retry(name), arguments, terminal)
    }
}

/// `edgeagent install`.
enum InstallCommand {
    private static let media = Argument(
        "X",
        .path,
        summary:
            "a repository's folder, or a portable bundle with its offline chain, as edgepack repo export writes them"
    )

    static let command = Command(
        "install",
        summary: "take an update from a stick, by the same checks as one from the network",
        examples: [
            Example("From a folder", "edgeagent install /media/stick/repository"),
            Example("From one file", "edgeagent install digits-2.bundle.tar.zst"),
        ],
        arguments: [media],
        options: [Wishing.noWait],
        exitCodes: [.failed, .configuration, .tryAgain, .dataError, .signatureInvalid, .noInput, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let path = try FileSystem.resolve(arguments[media])
        return try Wishing.carryOut(.install(path: path), arguments, terminal)
    }
}

/// `edgeagent rollback`.
enum RollbackCommand {
    private static let endpoint = Argument("ENDPOINT", .text, summary: "the endpoint that is to go back")

    static let command = Command(
        "rollback",
        summary: "go back to the bundle before, until a newer deployment or a retry",
        examples: [Example("Leave the bundle that serves", "edgeagent rollback digits")],
        arguments: [endpoint],
        options: [Wishing.noWait],
        exitCodes: [.failed, .configuration, .tryAgain, .unavailable, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        guard let name = EndpointName(arguments[endpoint]) else {
            throw StoreError.noEndpoint(name: arguments[endpoint])
        }
        let names = ["SUDO_USER", "USER"].compactMap { (name: String) in getenv(name).map { String(cString: $0) } }
        let who = names.first { !$0.isEmpty } ?? "uid \(getuid())"
        return try Wishing.carryOut(.rollback(name, by: who), arguments, terminal)
    }
}
