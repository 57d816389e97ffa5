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

    /// Collects the files. Throws where one is a link or can't be named in a bundle, the model can't be read, or what
    /// the bundle needs is left out.
    ///
    /// - Parameter samplesAreRecorded: every sample must have its answer, else only its request.
    init(_ project: Project, samplesAreRecorded: Bool = true) throws {
        let file = project.file
        var source = BundleSource()
        var modelEntry: String?
        var interfaceDigest: SHA256Digest?
        if let samples = file.samples {
            let files = try Self.samples(samples, of: project)
            for sample in files {
                guard case .file(let path) = sample.content else { continue }
                let read = try ProjectSample(path)
                if samplesAreRecorded { try read.requireResponse(in: project.folder) }
            }
            source.components[.samples] = files
        }
        if case .script(let script, _) = file.scoring {
            let code = try SourceFiles.below(project.path(of: script.code), exclusions: file.exclusions)
            guard code.contains(where: { $0.path == script.script }) else {
                let path = "\(project.path(of: script.code))/\(script.script)"
                throw BuildError.excluded(path: path, role: "the scoring script")
            }
            source.components[.app] = code
        }
        if let model = file.model {
            let path = project.path(of: model)
            let files = try SourceFiles.model(path, exclusions: file.exclusions)
            guard !files.isEmpty else { throw ProjectError.emptyModel(model, found: path) }
            source.components[.model] = files
            modelEntry = "model/\(FileSystem.name(of: path))"
            if case .onnx = file.scoring {
                let native = try NativeModel(project, at: model, packed: files)
                interfaceDigest = native.interfaceDigest
                modelEntry = native.entry
            }
        }
        self.source = source
        self.modelEntry = modelEntry
        self.interfaceDigest = interfaceDigest
    }

    /// The `.json` files of the samples' folder; other files there are notes of their author.
    private static func samples(_ samples: ProjectFile.Samples, of project: Project) throws -> [SourceFile] {
        let folder = project.path(of: samples.folder)
        let files = try SourceFiles.below(folder, exclusions: project.file.exclusions)
            .filter { $0.path.text.hasSuffix(".json") }
        guard !files.isEmpty else { throw BuildError.excluded(path: folder, role: "every sample") }
        if let lost = files.first(where: { $0.path.text.contains("/") }) {
            throw SampleError.inFolder(path: "\(folder)/\(lost.path)")
        }
        return files
    }
}

/// An ONNX model that is served without a script.
private struct NativeModel {
    /// From the bundle's root.
    let entry: String
    let interfaceDigest: SHA256Digest

    /// Reads it and makes sure that `packed` holds it with all files that its weights are in.
    init(_ project: Project, at model: ProjectPath, packed: [SourceFile]) throws {
        let path = FileSystem.join(project.folder, try project.nativeModel(at: model))
        let onnx = try ONNXModel.read(path)
        interfaceDigest = try onnx.interface.digest
        let name = FileSystem.name(of: path)
        let folder = project.path(of: model)
        guard try FileSystem.statusFollowingLinks(of: folder)?.kind == .directory else {
            // Weights in files of their own come along only with a folder.
            if let data = onnx.externalData.first {
                throw BuildError.weightsBeside(model: path, weights: data.location)
            }
            entry = "model/\(name)"
            return
        }
        let prefix = FileSystem.name(of: folder)
        let paths = Set(packed.map(\.path))
        func require(_ file: String, _ role: String) throws {
            guard let wanted = BundlePath("\(prefix)/\(file)"), paths.contains(wanted) else {
                throw BuildError.excluded(path: "\(folder)/\(file)", role: role)
            }
        }
        try require(name, "the model")
        for data in onnx.externalData { try require(data.location, "weights of the model") }
        entry = "model/\(prefix)/\(name)"
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
