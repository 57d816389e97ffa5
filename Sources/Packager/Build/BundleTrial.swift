internal import BundleFormat
internal import BundleManifest
package import Diagnostics
internal import FileSystem

/// Tries bundles on this machine with the program that will serve them.
package struct BundleTrial: Sendable {
    /// What stands at a path that is to be tried.
    private enum Subject {
        case project(Project)
        /// An extracted bundle.
        case tree
        case archive
    }

    private let runtime: RuntimeProgram
    private let threads: Int
    private let fetcher: @Sendable () throws -> LockedEnvironmentFetcher

    /// `fetcher` is asked for where a project must be built first; bundles need none.
    package init(
        _ runtime: RuntimeProgram,
        threads: Int,
        fetcher: @escaping @Sendable () throws -> LockedEnvironmentFetcher
    ) {
        self.runtime = runtime
        self.threads = threads
        self.fetcher = fetcher
    }

    /// Answers the samples of a bundle file, an extracted bundle or a project, and compares. Messages name `path`,
    /// never the temporary tree.
    package func check(_ path: String) throws -> CheckResult {
        let scratch = try TemporaryDirectory(prefix: "edgepack-test")
        switch try subject(path) {
        case .tree: return try runtime.check(path, shownAs: path)
        case .archive: return try runtime.check(try extract(path, in: scratch.path), shownAs: path)
        case .project(let project):
            let tree = try extract(try build(project, in: scratch.path, samplesAreRecorded: true), in: scratch.path)
            return try runtime.check(tree, shownAs: project.folder)
        }
    }

    /// Computes the answers to a project's sample requests and writes them into the samples; returns those that changed.
    package func record(_ path: String) throws -> [String] {
        guard case .project(let project) = try subject(path) else { throw BundleTrialError.notAProject(path: path) }
        guard project.file.samples != nil else { throw BundleTrialError.noSamples(project: path) }
        let scratch = try TemporaryDirectory(prefix: "edgepack-test")
        let tree = try extract(try build(project, in: scratch.path, samplesAreRecorded: false), in: scratch.path)
        return try SampleRecorder(runtime).record(project, tree: tree)
    }

    private func subject(_ path: String) throws -> Subject {
        guard try FileSystem.statusFollowingLinks(of: path)?.kind == .directory else {
            // A project may be named by its file, too.
            return FileSystem.name(of: path) == ProjectFile.fileName ? .project(try Project.read(path)) : .archive
        }
        let isTree = try FileSystem.status(of: "\(path)/\(BundleLayout.manifestPath)") != nil
        return isTree ? .tree : .project(try Project.read(path))
    }

    /// Builds the project for this machine's own architecture.
    private func build(_ project: Project, in scratch: String, samplesAreRecorded: Bool) throws -> String {
        let profiles = DeviceProfiles(projectFolder: project.folder)
        let here = try profiles.profiles(of: project.file).filter { $0.architecture == .current }
        let profile = try here.first ?? profiles.profile("generic-\(Platform.Architecture.current.rawValue)")
        var request = BundleBuilder.Request(
            profiles: [profile],
            version: project.file.version ?? BundleVersion.zero,
            output: scratch,
            level: 1
        )
        request.samplesAreRecorded = samplesAreRecorded
        let builder = BundleBuilder(project, fetcher: try fetcher(), threads: threads)
        return try builder.build(request, fetching: { _ in }, writing: { _, _, _ in })[0].path
    }

    private func extract(_ file: String, in scratch: String) throws -> String {
        let tree = "\(scratch)/tree"
        _ = try BundleExtractor(threads: threads).extract(file, to: tree)
        return tree
    }
}

/// Why answers can't be recorded.
package enum BundleTrialError: ExplainedError, Equatable {
    case notAProject(path: String)
    case noSamples(project: String)

    package var message: String {
        switch self {
        case .notAProject(let path): "\(path) is no project: answers are recorded in a project's samples"
        case .noSamples(let project): "\(project) names no samples in bundle.yaml to record"
        }
    }

    package var hint: String? {
        switch self {
        case .notAProject: "leave out --record to test a bundle"
        case .noSamples: "name their folder: samples: {path: samples}"
        }
    }

    package var exitCode: ExitCode { .usage }
}
