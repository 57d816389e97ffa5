package import Diagnostics
package import FileSystem

/// Why a project can't be made a bundle; what is wrong in bundle.yaml, a lock or a model comes as its own error.
package enum BuildError: ExplainedError, Equatable {
    case noVersion(project: String)
    case notAFile(path: String, kind: FileKind)
    case unusablePath(path: String)
    case weightsBeside(model: String, weights: String)
    /// A pattern of `exclude` meets what the bundle can't be without; `role` says what that is.
    case excluded(path: String, role: String)

    package var message: String {
        switch self {
        case .noVersion(let project): "\(project): the bundle has no version"
        case .notAFile(let path, let kind): "\(path) is \(kind.words): a bundle holds regular files only"
        case .unusablePath(let path):
            "\(path) can't be named in a bundle: too long, too deep, or with a backslash or "
                + "control character"
        case .weightsBeside(let model, let weights): "\(model) keeps its weights in another file, \(weights)"
        case .excluded(let path, let role): "exclude in bundle.yaml leaves out \(path), \(role)"
        }
    }

    package var hint: String? {
        switch self {
        case .noVersion: "give one with --version N, or as version: in bundle.yaml"
        case .notAFile: "replace it by a copy, or leave it out with exclude: in bundle.yaml"
        case .unusablePath: "rename it, or leave it out with exclude: in bundle.yaml"
        case .weightsBeside: "put both into one folder and name the folder in model.path"
        case .excluded: "make the patterns narrower"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .noVersion, .excluded: .configuration
        case .notAFile, .unusablePath, .weightsBeside: .dataError
        }
    }
}
