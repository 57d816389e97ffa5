package import BundleManifest
package import Digest
internal import FileSystem
internal import Glibc
internal import JSON

/// What a runtime serves: an extracted bundle, or in development a model file or a folder with a script.
package struct ServedBundle: Sendable {
    package enum Entry: Equatable, Sendable {
        /// Absolute paths; a library of nil is to be found on this machine.
        case onnx(model: String, library: String?)
        case script(path: String, code: String, model: String?, packages: String?)
    }

    package let name: String
    package let version: String
    /// The bundle digest; nil in development, where nothing was signed.
    package let digest: SHA256Digest?
    package let entry: Entry
    package let endpoint: Manifest.Endpoint
    /// The CPython ABI its packages were made for; nil takes any.
    package let pythonABI: String?
    package let environment: [String: String]
    package let samplePolicy: SamplePolicy
    /// The folder of conformance samples; nil without any.
    package let samples: String?

    /// True where what is served was not built and signed: a file or folder served as it lies there.
    package var isDevelopment: Bool { digest == nil }

    /// The digest as responses and reports name it, `development` without one.
    package var digestName: String { digest?.hex ?? "development" }

    /// Looks at a path and says what is to be served there.
    ///
    /// Throws RuntimeError: not there, not for this machine, or nothing that can be served.
    package static func load(_ path: String) throws -> ServedBundle {
        guard let status = try FileSystem.statusFollowingLinks(of: path) else {
            throw RuntimeError.notFound(path: path)
        }
        let root = try FileSystem.resolve(path)
        guard status.kind == .directory else {
            guard root.hasSuffix(".onnx") || root.hasSuffix(".ort") else {
                throw RuntimeError.notServable(path: path, problem: "is neither a folder nor an .onnx file")
            }
            return development(model: root, samples: nil)
        }
        if try FileSystem.status(of: "\(root)/MANIFEST.json") != nil { return try bundle(root, given: path) }
        return try developmentFolder(root, given: path)
    }

    private static func bundle(_ root: String, given path: String) throws -> ServedBundle {
        let bytes = try FileSystem.read("\(root)/MANIFEST.json", limit: Manifest.limits.bytes)
        let manifest: Manifest
        do {
            manifest = try Manifest.parse(bytes)
        } catch {
            throw RuntimeError.manifest(path: path, error)
        }
        try Machine.current.check(manifest.platform, path: path)
        if let device = manifest.neededDevices.first {
            throw RuntimeError.otherPlatform(
                path: path,
                needs: "a box with \(manifest.neededDevices.joined(separator: ", "))",
                problem: "devices such as \(device) are not handed to models by this runtime"
            )
        }
        let entry: Entry
        switch manifest.entry {
        case .onnx(let model, let library): entry = .onnx(model: "\(root)/\(model)", library: "\(root)/\(library)")
        case .script(let script, let model):
            entry = .script(
                path: "\(root)/\(script)",
                code: "\(root)/\(ComponentName.app.rawValue)",
                model: model.map { "\(root)/\($0)" },
                packages: manifest.components[.env] == nil ? nil : "\(root)/env/site-packages"
            )
        }
        return ServedBundle(
            name: manifest.name.text,
            version: manifest.version.description,
            digest: SHA256.digest(bytes),
            entry: entry,
            endpoint: manifest.endpoint,
            pythonABI: manifest.interpreter?.abi,
            environment: manifest.environment,
            samplePolicy: manifest.samples ?? SamplePolicy(),
            samples: manifest.components[.samples] == nil ? nil : "\(root)/\(ComponentName.samples.rawValue)"
        )
    }

    /// A project folder as it lies there: `score.py` in it or in `src/`, or one model file in it or in `model/`.
    private static func developmentFolder(_ root: String, given path: String) throws -> ServedBundle {
        let samples = try FileSystem.status(of: "\(root)/samples") == nil ? nil : "\(root)/samples"
        let model = try ["\(root)/model", "\(root)/models"].first { try FileSystem.status(of: $0) != nil }
        for code in ["\(root)/src", root] where try FileSystem.status(of: "\(code)/score.py")?.kind == .regular {
            return ServedBundle(
                development: FileSystem.name(of: root),
                entry: .script(path: "\(code)/score.py", code: code, model: model, packages: nil),
                samples: samples
            )
        }
        for folder in [model, root].compactMap({ $0 }) {
            let models = try FileSystem.names(in: folder).filter { $0.hasSuffix(".onnx") || $0.hasSuffix(".ort") }
            if models.count == 1 { return development(model: "\(folder)/\(models[0])", samples: samples) }
            guard models.isEmpty else {
                throw RuntimeError.notServable(path: path, problem: "holds \(models.count) models: name one of them")
            }
        }
        throw RuntimeError.notServable(path: path, problem: "holds no MANIFEST.json, no score.py and no .onnx file")
    }

    private static func development(model: String, samples: String?) -> ServedBundle {
        let file = FileSystem.name(of: model)
        let stem = file.split(separator: ".").first.map(String.init) ?? file
        return ServedBundle(development: stem, entry: .onnx(model: model, library: nil), samples: samples)
    }

    private init(development name: String, entry: Entry, samples: String?) {
        self.init(
            name: name,
            version: "0",
            digest: nil,
            entry: entry,
            endpoint: Manifest.Endpoint(),
            pythonABI: nil,
            environment: [:],
            samplePolicy: SamplePolicy(),
            samples: samples
        )
    }

    private init(
        name: String,
        version: String,
        digest: SHA256Digest?,
        entry: Entry,
        endpoint: Manifest.Endpoint,
        pythonABI: String?,
        environment: [String: String],
        samplePolicy: SamplePolicy,
        samples: String?
    ) {
        self.name = name
        self.version = version
        self.digest = digest
        self.entry = entry
        self.endpoint = endpoint
        self.pythonABI = pythonABI
        self.environment = environment
        self.samplePolicy = samplePolicy
        self.samples = samples
    }
}

/// What this machine offers of what a bundle's platform asks.
struct Machine: Equatable, Sendable {
    var architecture: Platform.Architecture
    var glibc: GlibcVersion

    /// This machine.
    static var current: Machine {
        // "glibc 2.36"
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            confstr(Int32(_CS_GNU_LIBC_VERSION), buffer.baseAddress, 64) > 0
                ? buffer.baseAddress.map { String(cString: $0) } ?? "" : ""
        }
        let words = text.split(separator: " ")
        let glibc = words.last.flatMap { GlibcVersion(String($0)) } ?? GlibcVersion(2, 0)
        return Machine(architecture: .current, glibc: glibc)
    }

    /// Refuses a bundle that can't run here, naming what differs.
    func check(_ platform: Platform, path: String) throws(RuntimeError) {
        guard platform.architecture == architecture else {
            throw .otherPlatform(
                path: path,
                needs: "\(platform)",
                problem: "this machine is \(architecture.rawValue), not \(platform.architecture.rawValue)"
            )
        }
        guard platform.glibc <= glibc else {
            throw .otherPlatform(
                path: path,
                needs: "\(platform)",
                problem: "this machine has glibc \(glibc), older than \(platform.glibc)"
            )
        }
        if let accelerator = platform.accelerator {
            throw .otherPlatform(
                path: path,
                needs: "\(platform)",
                problem: "accelerators such as \(accelerator) are not served by this runtime"
            )
        }
    }
}
