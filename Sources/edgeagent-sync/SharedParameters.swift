import AgentSync
import CommandLine
import Diagnostics
import Digest
import EdgeAgent
import JSON

/// What several commands take.
enum SharedParameters {
    static let store = Option(
        "store",
        .directory,
        default: "/var/lib/edgeagent",
        environment: "EDGEAGENT_STORE",
        summary: "the agent's folder"
    )
    static let bundle = Option.optional("bundle", digest, summary: "digest of a bundle whose contents are meant")

    static let digest = ValueType<SHA256Digest>(
        placeholder: "DIGEST",
        read: { (text: String) throws(InvalidValue) in
            guard let digest = SHA256Digest(hex: text) else {
                throw InvalidValue(text, "is no SHA-256 digest of 64 lowercase hexadecimal digits")
            }
            return digest
        },
        show: { $0.hex }
    )

    static func layout(_ arguments: ParsedArguments) -> StoreLayout { StoreLayout(arguments[store]) }

    /// Runs a command's work and prints its outcome as the last line on standard output, whatever it is.
    static func report(_ terminal: Terminal, _ work: () throws -> SyncOutcome) throws -> ExitCode {
        let outcome: SyncOutcome
        do {
            outcome = try work()
        } catch {
            try terminal.writeLine(SyncOutcome.line(of: error))
            throw error
        }
        guard case .done = outcome else {
            try print(outcome, terminal)
            throw SyncFailure(outcome)
        }
        try print(outcome, terminal)
        return .done
    }

    private static func print(_ outcome: SyncOutcome, _ terminal: Terminal) throws {
        try terminal.writeLine(outcome.line)
    }
}
