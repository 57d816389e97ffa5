package import Diagnostics

/// Why a store can't be used.
package enum StoreError: ExplainedError, Equatable {
    /// There is no store, or nobody has configured it.
    case notConfigured(path: String)
    /// A newer agent wrote it: nothing is changed.
    case storeTooNew(path: String, format: String)
    /// A file of it is not what it should be.
    case damaged(file: String, problem: String)
    /// Another agent has it.
    case inUse(path: String)
    /// The box's configuration has no such endpoint.
    case noEndpoint(name: String)

    package var message: String {
        switch self {
        case .notConfigured(let path): "\(path) is not the store of a configured agent"
        case .storeTooNew(let path, let format): "the store \(path) has format \(format), which this agent can't write"
        case .damaged(let file, let problem): "\(file) is damaged: \(problem)"
        case .inUse(let path): "another agent uses the store \(path)"
        case .noEndpoint(let name): "this box has no endpoint \(name)"
        }
    }

    package var hint: String? {
        switch self {
        case .notConfigured: "edgeagent run --config FILE, or with --from, --root and --endpoint, configures it"
        case .storeTooNew: "install the agent that wrote it, or a newer one; what runs is left alone"
        case .damaged: "move the file away: what it held is made anew or asked for again"
        case .inUse: "edgeagent status shows what it does; stop it first, or talk to it with sync, retry or install"
        case .noEndpoint: "edgeagent status lists the endpoints"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notConfigured: .configuration
        case .storeTooNew: .incompatible
        case .damaged: .dataError
        case .inUse: .tryAgain
        case .noEndpoint: .usage
        }
    }
}
