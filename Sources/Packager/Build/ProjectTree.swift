internal import BundleFormat
internal import BundleManifest
internal import Digest
internal import FileSystem

/// What a project itself brings into a bundle: code, samples and model, the same for every platform.
struct ProjectTree: Sendable {
    /// The components `app`, `samples` and `model`.
    let source: BundleSource
    /// The model's path from the bundle's root: the ONNX file of a native bundle, or what `model.path` names.
    let modelEntry: String?
    /// Of a native model's inputs and outputs.
    let interfaceDigest: SHA256Digest?

    /// Collects the files. Throws where one is a link or can't be named in a bundle, or the model can't be read.
    init(_ project: Project) throws {
        let file = project.file
        var source = BundleSource()
        var modelEntry: String?
        var interfaceDigest: SHA256Digest?
        if let samples = file.samples {
            source.components[.samples] = try SourceFiles.below(
                project.path(of: samples.folder),
                exclusions: file.exclusions
            )
            .filter { $0.path.text.hasSuffix(".json") }
        }
        if case .script(let script, _) = file.scoring {
            source.components[.app] = try SourceFiles.below(project.path(of: script.code), exclusions: file.exclusions)
        }
        if let model = file.model {
            let path = project.path(of: model)
            source.components[.model] = try SourceFiles.model(path, exclusions: file.exclusions)
            modelEntry = "model/\(FileSystem.name(of: path))"
        }
        if case .onnx(_, let model) = file.scoring {
            let onnx = FileSystem.join(project.folder, try project.nativeModel(at: model))
            interfaceDigest = try ONNXModel.read(onnx).interface.digest
            let isFolder = try FileSystem.statusFollowingLinks(of: project.path(of: model))?.kind == .directory
            if isFolder, let folder = modelEntry { modelEntry = "\(folder)/\(FileSystem.name(of: onnx))" }
            try Self.requireWeights(of: onnx, isFolder: isFolder)
        }
        self.source = source
        self.modelEntry = modelEntry
        self.interfaceDigest = interfaceDigest
    }

    /// Weights in files of their own come along only with a folder.
    private static func requireWeights(of model: String, isFolder: Bool) throws {
        guard let data = try ONNXModel.read(model).externalData.first else { return }
        guard isFolder else { throw BuildError.weightsBeside(model: model, weights: data.location) }
        let path = FileSystem.join(FileSystem.parent(of: model), data.location)
        guard try FileSystem.status(of: path)?.kind == .regular else {
            throw BuildError.weightsMissing(model: model, weights: path)
        }
    }
}

/// Collects files for a bundle: regular ones only, in the order of their paths.
enum SourceFiles {
    private static let limit = 1_000_000

    /// The files below a folder, their paths relative to it and put under `prefix`.
    static func below(
        _ folder: String,
        under prefix: String = "",
        exclusions: ProjectExclusions?,
        cuts: [String: [Int]] = [:]
    ) throws -> [SourceFile] {
        try FileSystem.files(below: folder, limit: limit).compactMap { found in
            if let exclusions, exclusions.excludes(found.path) { return nil }
            let source = "\(folder)/\(found.path)"
            guard found.status.kind == .regular else {
                throw BuildError.notAFile(path: source, kind: found.status.kind)
            }
            guard let path = BundlePath(prefix + found.path) else { throw BuildError.unusablePath(path: source) }
            return SourceFile(
                path: path,
                isExecutable: found.status.isExecutable,
                content: .file(source),
                cuts: cuts[found.path] ?? []
            )
        }
    }

    /// A model: a file under its own name, or a folder with its name kept; cut where large tensors begin.
    static func model(_ path: String, exclusions: ProjectExclusions) throws -> [SourceFile] {
        let name = FileSystem.name(of: path)
        let isFolder = try FileSystem.statusFollowingLinks(of: path)?.kind == .directory
        guard isFolder else {
            let cuts = try ModelCutPoints.find(in: FileSystem.parent(of: path), files: [name])
            guard let bundlePath = BundlePath(name) else { throw BuildError.unusablePath(path: path) }
            // A model may be a link into a store of models: what it leads to is what is packed.
            return [SourceFile(path: bundlePath, content: .file(path), cuts: cuts[name] ?? [])]
        }
        let files = try below(path, exclusions: exclusions).map(\.path.text)
        let cuts = try ModelCutPoints.find(in: path, files: files)
        return try below(path, under: "\(name)/", exclusions: exclusions, cuts: cuts)
    }
}

extension BundleSource {
    /// Bytes of all files.
    var totalBytes: Int {
        get throws {
            try components.values.joined().reduce(0) { sum, file in
                switch file.content {
                case .bytes(let bytes): sum + bytes.count
                case .file(let path): sum + (try FileSystem.statusFollowingLinks(of: path)?.size ?? 0)
                }
            }
        }
    }
}
