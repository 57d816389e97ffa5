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
    /// A socket of the store can't have its path.
    case pathTooLong(String)
    /// The box's configuration names none, so there is nothing to do.
    case noEndpoints

    package var message: String {
        switch self {
        case .notConfigured(let path): "\(path) is not the store of a configured agent"
        case .storeTooNew(let path, let format):
            "storeTooNew: the store \(path) has format \(format), this agent knows \(StoreLayout.format) and changes nothing"
        case .damaged(let file, let problem): "\(file) is damaged: \(problem)"
        case .inUse(let path): "another agent uses the store \(path)"
        case .noEndpoint(let name): "this box has no endpoint \(name)"
        case .pathTooLong(let path):
            "\(path) can't be the path of a socket: it has \(path.utf8.count) bytes, at most "
                + "\(StoreLayout.longestSocketPath) are allowed"
        case .noEndpoints: "this box has no endpoint: nothing says what it is to serve, and where"
        }
    }

    package var hint: String? {
        switch self {
        case .notConfigured: "edgeagent run --config FILE, or with --from, --root and --endpoint, configures it"
        case .storeTooNew: "install the agent that wrote it, or a newer one; what runs is left alone"
        case .damaged: "move the file away: what it held is made anew or asked for again"
        case .inUse: "edgeagent status shows what it does; stop it first, or talk to it with sync, retry or install"
        case .noEndpoint: "edgeagent status lists the endpoints"
        case .pathTooLong: "give the store a shorter path, or the endpoint a shorter name"
        case .noEndpoints: "name one: endpoints in the configuration file, or --endpoint NAME=ADDRESS"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notConfigured, .noEndpoints, .pathTooLong: .configuration
        case .storeTooNew: .incompatible
        case .damaged: .dataError
        case .inUse: .tryAgain
        case .noEndpoint: .usage
        }
    }
}
