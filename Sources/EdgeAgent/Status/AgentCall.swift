package import Diagnostics
internal import UnixSockets

/// One who talks to the resident agent.
package enum AgentCall {
    /// Nothing but a fetch over a slow line takes long; whoever asks may give up earlier.
    private static let longestWait = 15 * 60 * 1000

    /// What a running agent is at; nil where none runs. One that does not answer soon is at work.
    package static func presence(_ layout: StoreLayout) -> AgentPresence? {
        guard let connection = try? MessageConnection.connect(to: layout.agentSocket, milliseconds: 500) else {
            return nil
        }
        defer { connection.close() }
        guard (try? connection.send(AgentWish.ping.bytes, milliseconds: 500)) != nil,
            let message = try? connection.receive(limit: AgentAnswer.limitBytes, milliseconds: 1000),
            case .ok(let words)? = AgentAnswer(message.bytes)
        else { return .working }
        return AgentPresence(words)
    }

    /// Hands a wish over and returns what the agent says once it is carried out; nil where no agent runs.
    ///
    /// Throws where the agent refuses, or goes away.
    package static func ask(_ wish: AgentWish, _ layout: StoreLayout) throws -> String? {
        guard let connection = try connect(layout) else { return nil }
        try connection.send(wish.bytes, milliseconds: 2000)
        let message = try connection.receive(limit: AgentAnswer.limitBytes, milliseconds: longestWait)
        switch message.flatMap({ AgentAnswer($0.bytes) }) {
        case .ok(let words): return words
        case .refused(let words, let code): throw AgentRefusal(message: words, exitCode: code)
        case nil: throw AgentRefusal(message: "the agent ended before it answered")
        }
    }

    private static func connect(_ layout: StoreLayout) throws(SocketError) -> MessageConnection? {
        do throws(SocketError) {
            return try MessageConnection.connect(to: layout.agentSocket, milliseconds: 2000)
        } catch {
            if case .cannotConnect = error { return nil }
            throw error
        }
    }
}

/// The agent did not do what it was asked for.
package struct AgentRefusal: ExplainedError, Equatable {
    package let message: String
    package let exitCode: ExitCode

    package init(message: String, exitCode: ExitCode = .failed) {
        self.message = message
        self.exitCode = exitCode
    }

    init(_ error: StoreError) { self.init(message: error.message, exitCode: error.exitCode) }
}

/// What a running agent answers to a ping.
package enum AgentPresence: Hashable, Sendable {
    case idle, working
    /// Its store can't be written: what runs runs on, and no update goes on.
    case halted(String)

    private static let opening = "halted: "

    /// What is not known is work: a newer agent may say more.
    package init(_ words: String) {
        if words == Self.idle.words {
            self = .idle
        } else if words.hasPrefix(Self.opening) {
            self = .halted(String(words.dropFirst(Self.opening.count)))
        } else {
            self = .working
        }
    }

    package var words: String {
        switch self {
        case .idle: "idle"
        case .working: "working"
        case .halted(let problem): Self.opening + problem
        }
    }
}
