package import Diagnostics
import FileSystem
import YAML

/// A project on disk: the folder and what its `bundle.yaml` says.
package struct Project: Sendable {
    /// The folder of the project file, as given.
    package let folder: String
    package let file: ProjectFile

    package init(folder: String, file: ProjectFile) {
        self.folder = folder
        self.file = file
    }

    /// Reads the project at a path: a folder with `bundle.yaml`, or the file itself.
    ///
    /// Throws `ProjectError`, `YAMLError` or `FileError`. Paths in the file are not looked at; see `checkPaths`.
    package static func read(_ path: String) throws -> Project {
        guard let status = try FileSystem.statusFollowingLinks(of: path) else {
            throw ProjectError.noProject(path: path)
        }
        let file = status.kind == .directory ? FileSystem.join(path, ProjectFile.fileName) : path
        guard try FileSystem.statusFollowingLinks(of: file)?.kind == .regular else {
            throw ProjectError.noProject(path: path)
        }
        let bytes = try FileSystem.read(file, limit: YAMLLimits().bytes)
        let document = try YAMLParser.parse(bytes, source: file)
        return Project(folder: FileSystem.parent(of: file), file: try ProjectFile.parse(document))
    }

    /// Where a path of the project file is.
    package func path(of path: ProjectPath) -> String { FileSystem.join(folder, path.text) }

    /// Makes sure that everything the project file names is there and of the right kind.
    ///
    /// Throws `ProjectError` with the place in the file, or `FileError` where the system refuses to look.
    package func checkPaths() throws {
        switch file.scoring {
        case .onnx(_, let model):
            try require(model, .fileOrFolder)
            _ = try nativeModel(at: model)
        case .script(let script, let model):
            if let model { try require(model, .fileOrFolder) }
            try require(script.code, .folder)
            try require(
                ProjectPath(
                    text: "\(script.code.text)/\(script.script)",
                    key: "code_configuration.scoring_script",
                    position: script.scriptPosition
                ),
                .file
            )
            try require(script.requirements, .file)
        }
        if let samples = file.samples {
            try require(samples.folder, .folder)
            let names = try FileSystem.names(in: path(of: samples.folder))
            guard names.contains(where: { $0.hasSuffix(".json") }) else {
                throw ProjectError.noSamples(samples.folder, found: path(of: samples.folder))
            }
        }
    }

    /// The ONNX file of a model without a script, relative to the project's folder: the model itself, or the one
    /// `.onnx` file at the top of the model folder.
    package func nativeModel(at model: ProjectPath) throws -> String {
        let path = path(of: model)
        guard try FileSystem.statusFollowingLinks(of: path)?.kind == .directory else {
            guard path.hasSuffix(".onnx") else { throw ProjectError.notONNX(model, found: path) }
            return model.text
        }
        let models = try FileSystem.names(in: path).filter { $0.hasSuffix(".onnx") }
        guard let name = models.first, models.count == 1 else {
            throw ProjectError.ambiguousModel(model, found: path, models: models)
        }
        return "\(model.text)/\(name)"
    }

    private func require(_ wanted: ProjectPath, _ kind: ProjectError.Kind) throws {
        let path = path(of: wanted)
        guard let status = try FileSystem.statusFollowingLinks(of: path) else {
            throw ProjectError.missing(wanted, found: path, expected: kind)
        }
        let isRight =
            switch kind {
            case .file: status.kind == .regular
            case .folder: status.kind == .directory
            case .fileOrFolder: status.kind == .regular || status.kind == .directory
            }
        guard isRight else { throw ProjectError.wrongKind(wanted, found: path, expected: kind) }
    }
}

/// What is wrong with the files that a project names.
package enum ProjectError: ExplainedError, Equatable {
    package enum Kind: String, Sendable {
        case file = "a file"
        case folder = "a folder"
        case fileOrFolder = "a file or a folder"
    }

    case noProject(path: String)
    /// `found` is the path that was looked at.
    case missing(ProjectPath, found: String, expected: Kind)
    case wrongKind(ProjectPath, found: String, expected: Kind)
    case notONNX(ProjectPath, found: String)
    case ambiguousModel(ProjectPath, found: String, models: [String])
    case noSamples(ProjectPath, found: String)
    /// The model's folder holds no file, or none that `exclude` leaves.
    case emptyModel(ProjectPath, found: String)

    package var message: String {
        switch self {
        case .noProject(let path): "\(path) is no project: it has no \(ProjectFile.fileName)"
        case .missing(let wanted, let found, _): "\(wanted.position): \(wanted.key): \(found) does not exist"
        case .wrongKind(let wanted, let found, let expected):
            "\(wanted.position): \(wanted.key): \(found) is not \(expected.rawValue)"
        case .notONNX(let wanted, let found):
            "\(wanted.position): \(wanted.key): \(found) is no .onnx file, and no scoring script is named"
        case .ambiguousModel(let wanted, let found, let models):
            "\(wanted.position): \(wanted.key): \(found) holds "
                + (models.isEmpty ? "no .onnx file" : "more than one: \(models.joined(separator: ", "))")
        case .noSamples(let wanted, let found): "\(wanted.position): \(wanted.key): \(found) holds no .json file"
        case .emptyModel(let wanted, let found):
            "\(wanted.position): \(wanted.key): \(found) holds no file that is to be packed"
        }
    }

    package var hint: String? {
        switch self {
        case .noProject: "`edgepack init` makes one"
        case .missing(let wanted, _, let expected):
            "\(wanted.key) names \(expected.rawValue), relative to the folder of \(ProjectFile.fileName)"
        case .notONNX: "add code_configuration with a script that loads the model"
        case .ambiguousModel: "name the .onnx file in model.path"
        case .noSamples: "a sample is a request with the answer that is expected"
        case .emptyModel: "put the model there, or make the patterns of exclude narrower"
        case .wrongKind: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .noProject, .missing: .noInput
        case .wrongKind, .notONNX, .ambiguousModel, .noSamples, .emptyModel: .configuration
        }
    }
}
