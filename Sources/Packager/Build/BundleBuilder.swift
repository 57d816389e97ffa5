internal import BundleFormat
package import BundleManifest
package import Digest
internal import FileSystem
internal import JSON

/// Builds a project's bundles: one for each platform of its devices.
package struct BundleBuilder: Sendable {
    /// What to build from a project.
    package struct Request: Sendable {
        /// The classes of boxes to build for.
        package var profiles: [DeviceProfile]
        /// The profiles as the command line named them, for hints; empty where it named none.
        package var devices: [String] = []
        package var version: BundleVersion
        /// The folder for the bundles; made if it is missing.
        package var output: String
        /// zstd's level, 1 to 19.
        package var level: Int
        /// Every sample must have its answer; false only for a bundle that is to compute the answers.
        package var samplesAreRecorded = true

        package init(profiles: [DeviceProfile], version: BundleVersion, output: String, level: Int = 3) {
            self.profiles = profiles
            self.version = version
            self.output = output
            self.level = level
        }
    }

    /// A bundle that was written.
    package struct Built: Sendable {
        package let path: String
        package let manifest: Manifest
        /// The bundle digest.
        package let digest: SHA256Digest
        /// Bytes of the archive.
        package let size: Int
        /// Bytes of the files in it.
        package let contentSize: Int
    }

    private let project: Project
    private let fetcher: LockedEnvironmentFetcher
    private let threads: Int

    package init(_ project: Project, fetcher: LockedEnvironmentFetcher, threads: Int) {
        self.project = project
        self.fetcher = fetcher
        self.threads = threads
    }

    /// Builds every bundle of the request. All locks are checked and all environments fetched before the first byte is
    /// written; each bundle appears whole or not at all.
    ///
    /// - Parameters:
    ///   - fetching: told before an environment is fetched, which may take a while the first time.
    ///   - writing: told the file, the bytes packed so far, and the bytes in all.
    package func build(
        _ request: Request,
        fetching: (LockPlatform) -> Void,
        writing: @escaping @Sendable (String, Int, Int) -> Void
    ) throws -> [Built] {
        try project.checkPaths()
        for profile in request.profiles { try profile.requireMemory(project.file.endpoint.memoryBytes) }
        let requests = try lockRequests(for: request.profiles)
        let locks = try requests.map { wanted in
            let lock = try LockFile.read(of: project, for: wanted, devices: request.devices)
            // One lock, one environment, whatever the boxes that it is built for this time.
            return (wanted.made(lock) ?? wanted, lock)
        }
        let tree = try ProjectTree(project, samplesAreRecorded: request.samplesAreRecorded)
        var environments: [(LockRequest, LockedEnvironment)] = []
        for (lockRequest, lock) in locks {
            fetching(lockRequest.platform)
            environments.append((lockRequest, try fetcher.fetch(lock, for: lockRequest)))
        }
        try FileSystem.createDirectories(request.output)
        return try environments.map { lockRequest, environment in
            try build(request, tree, lockRequest.platform, environment, writing)
        }
    }

    /// What the wanted bundles need locked. A lock serves all the project's devices of a platform, the oldest decides,
    /// so it is asked for with all of them, however few are built.
    private func lockRequests(for profiles: [DeviceProfile]) throws -> [LockRequest] {
        let own = try DeviceProfiles(projectFolder: project.folder).profiles(of: project.file)
        let wanted = Set(try LockPlatform.platforms(of: project.file, on: profiles).map(\.key))
        return try LockRequest.requests(of: project, on: own + profiles).filter { wanted.contains($0.platform.key) }
    }

    private func build(
        _ request: Request,
        _ tree: ProjectTree,
        _ lockPlatform: LockPlatform,
        _ environment: LockedEnvironment,
        _ writing: @escaping @Sendable (String, Int, Int) -> Void
    ) throws -> Built {
        let platform = Platform(
            architecture: lockPlatform.architecture,
            glibc: environment.glibc,
            python: environment.python
        )
        var source = tree.source
        source.components[.env] = try environmentFiles(environment)
        let name = "\(project.file.name)-\(request.version)-\(platform).bundle.tar.zst"
        let path = FileSystem.join(request.output, name)
        let total = try source.totalBytes
        let writer = BundleWriter(level: request.level, threads: threads) { writing(path, $0, total) }
        let built = try writer.write(source, to: path) { components in
            try manifest(request, tree, platform, components)
        }
        return Built(
            path: path,
            manifest: built.manifest,
            digest: built.digest,
            size: built.size,
            contentSize: total
        )
    }

    /// The environment as the component holds it: a script's packages below `site-packages`, ONNX Runtime's library and
    /// licences as they are.
    private func environmentFiles(_ environment: LockedEnvironment) throws -> [SourceFile] {
        let prefix = environment.python == nil ? "" : "site-packages/"
        return try SourceFiles.below(environment.path, under: prefix, exclusions: nil)
    }

    private func manifest(
        _ request: Request,
        _ tree: ProjectTree,
        _ platform: Platform,
        _ components: [ComponentName: Manifest.Component]
    ) throws -> Manifest {
        let file = project.file
        let entry: Manifest.Entry
        var interpreter: Manifest.Interpreter?
        switch file.scoring {
        case .onnx(let version, _):
            entry = .onnx(
                model: tree.modelEntry ?? "",
                library: "env/" + LockedEnvironment.libraryPath(version: version)
            )
        case .script(let script, _):
            entry = .script(path: "app/\(script.script)", model: tree.modelEntry)
            interpreter = Manifest.Interpreter(
                source: .system,
                abi: script.python.abi,
                version: script.python.description
            )
        }
        var manifest = Manifest(
            name: file.name,
            version: request.version,
            platform: platform,
            entry: entry,
            interface: Manifest.Interface(epoch: file.interfaceEpoch, digest: tree.interfaceDigest)
        )
        manifest.components = components
        manifest.interpreter = interpreter
        manifest.endpoint = file.endpoint
        manifest.samples = file.samples?.policy
        manifest.environment = file.environmentVariables
        manifest.capturesByDefault = file.capturesByDefault
        manifest.neededDevices = file.neededDevices
        manifest.parameters = JSONObject(file.parameters.map { ($0.key, $0.value.json) })
        return manifest
    }
}
