package import Diagnostics
package import FileSystem
package import JSON
package import Processes

/// Why a project can't be made a bundle; what is wrong in bundle.yaml, a lock or a model comes as its own error.
package enum BuildError: ExplainedError, Equatable {
    case noVersion(project: String)
    case notAFile(path: String, kind: FileKind)
    case unusablePath(path: String)
    case weightsBeside(model: String, weights: String)
    case weightsMissing(model: String, weights: String)

    package var message: String {
        switch self {
        case .noVersion(let project): "\(project): the bundle has no version"
        case .notAFile(let path, let kind): "\(path) is \(kind.words): a bundle holds regular files only"
        case .unusablePath(let path):
            "\(path) can't be named in a bundle: too long, too deep, or with a backslash or "
                + "control character"
        case .weightsBeside(let model, let weights): "\(model) keeps its weights in another file, \(weights)"
        case .weightsMissing(let model, let weights): "\(model) keeps its weights in \(weights), which does not exist"
        }
    }

    package var hint: String? {
        switch self {
        case .noVersion: "give one with --version N, or as version: in bundle.yaml"
        case .notAFile: "replace it by a copy, or leave it out with exclude: in bundle.yaml"
        case .unusablePath: "rename it, or leave it out with exclude: in bundle.yaml"
        case .weightsBeside: "put both into one folder and name the folder in model.path"
        case .weightsMissing: "copy it beside the model"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .noVersion: .configuration
        case .notAFile, .unusablePath, .weightsBeside: .dataError
        case .weightsMissing: .noInput
        }
    }
}

/// Why a sample can't be recorded.
package enum SampleError: ExplainedError, Equatable {
    case malformed(path: String, JSONError)
    case noRequest(path: String)
    /// The runtime could not answer its request.
    case notAnswered(path: String, ProcessResult)

    package var message: String {
        switch self {
        case .malformed(let path, let error): "\(path): \(error.message)"
        case .noRequest(let path): "\(path) has no member \"request\""
        case .notAnswered(let path, let result): "\(path) can't be answered:\n" + result.lastWords
        }
    }

    package var hint: String? {
        switch self {
        case .malformed, .noRequest: "a sample is {\"request\": BODY}; recording adds the \"response\""
        case .notAnswered: "nothing was recorded"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .malformed, .noRequest: .dataError
        case .notAnswered(_, let result): result.exitCode
        }
    }
}
