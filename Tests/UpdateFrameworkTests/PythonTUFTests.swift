import Crypto
import FileSystem
import Glibc
import JSON
import Processes
import Testing
import WallClock

@testable import UpdateFramework

/// PyPI's `tuf` (python-tuf, the reference implementation) reads what we write and writes what we read. It is run by the
/// Python that EDGE_TOOLS_PYTHON names; without one these tests say so and judge nothing.
@Suite struct PythonTUFTests {
    private let keys = SampleRepository.keys
    /// python-tuf takes the time from the clock, so this does too.
    private let now = UTCTime(seconds: Int64(time(nil)))

    private static let python: String? = {
        guard let python = getenv("EDGE_TOOLS_PYTHON").map({ String(cString: $0) }) else {
            print("not judged by python-tuf: EDGE_TOOLS_PYTHON names no Python that has it")
            return nil
        }
        let probe = try? Processes.run(python, arguments: ["-c", "import tuf.ngclient, securesystemslib.signer"])
        guard probe?.isSuccess == true else {
            print("not judged by python-tuf: \(python) can't import tuf and securesystemslib")
            return nil
        }
        return python
    }()

    /// Runs a judge; nil where there is none.
    private func run(_ script: String, _ arguments: [String]) throws -> ProcessResult? {
        guard let python = Self.python else { return nil }
        let path = "\(FileSystem.parent(of: #filePath))/judges/\(script)"
        let environment = ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"]
        return try Processes.run(python, arguments: [path] + arguments, environment: environment)
    }

    @Test func readsWhatWeWrite() throws {
        let folder = try TemporaryDirectory(prefix: "python-tuf-tests")
        let repository = "\(folder.path)/repository"
        let publicKeys = try keys.map { try #require($0.key.publicKey()) }
        let later = now.advanced(by: .seconds(86_400))
        let lifetimes = RepositoryEditor.Lifetimes(snapshot: .seconds(86_400), timestamp: .seconds(3_600))
        let root = try RootMetadata(expires: later) { role in
            role == .root ? ([publicKeys[0], publicKeys[1]], 2) : ([publicKeys[2]], 1)
        }
        let storage = RepositoryDirectory(repository)
        var editor = try RepositoryEditor.create(in: storage, root: root, signers: keys)
        let bundles = try roleName("bundles")
        let team = try roleName("bundles-team")
        try editor.publish(.targets, expires: later, signers: keys) {
            $0.delegations = try delegations(to: bundles, "bundles/*/*", publicKeys[4])
        }
        try editor.publish(bundles, expires: later, signers: keys) {
            $0.delegations = try delegations(to: team, "bundles/team/*", publicKeys[5])
        }
        try publish("bundles/team/ünusual \"name\"\\.json", [1, 2, 3], by: team, to: &editor)
        try editor.commit(now: now, lifetimes: lifetimes, signers: keys)
        let client = "\(folder.path)/client"
        let first = ["\(repository)/metadata", "\(repository)/targets", client]
        guard let result = try run("read_repository.py", first + ["bundles/team/ünusual \"name\"\\.json"]) else {
            return
        }
        #expect(result.isSuccess, "\(result.errorText)")

        // Every key and a threshold replaced, a delegation taken away, another one added.
        let fresh = try (0..<3).map { _ in try PrivateKeySigner(try PrivateKey.generate(curve: .p256)) }
        let freshKeys = try fresh.map { try #require($0.key.publicKey()) }
        try editor.publishRoot(expires: later, signers: keys + fresh) { root in
            try root.setKeys(freshKeys, threshold: 3, for: .root)
            for role in [RoleName.timestamp, .snapshot, .targets] {
                try root.setKeys([freshKeys[0]], threshold: 1, for: role)
            }
        }
        let other = try roleName("deployments-dev")
        try editor.publish(.targets, expires: later, signers: fresh) { targets in
            _ = targets.delegations?.undelegate(bundles)
            let role = try #require(
                DelegatedRole(other, paths: [PathPattern("deployments/dev/*")], isTerminating: true)
            )
            try targets.delegations?.delegate(to: role, keys: [publicKeys[6]])
        }
        try publish("deployments/dev/1.json", [4], by: other, to: &editor)
        editor = try RepositoryEditor(opening: storage)
        try editor.commit(now: now, lifetimes: lifetimes, signers: fresh)
        let second = try #require(try run("read_repository.py", first + ["deployments/dev/1.json"]))
        #expect(second.isSuccess, "\(second.errorText)")
        let gone = try #require(try run("read_repository.py", first + ["bundles/team/ünusual \"name\"\\.json"]))
        #expect(gone.status == .exited(3), "\(gone.errorText)")
    }

    private func delegations(to role: RoleName, _ path: String, _ key: PublicKey) throws -> Delegations {
        var delegations = Delegations()
        let delegated = try #require(DelegatedRole(role, paths: [PathPattern(path)]))
        try delegations.delegate(to: delegated, keys: [key])
        return delegations
    }

    private func publish(
        _ text: String,
        _ contents: [UInt8],
        by role: RoleName,
        to editor: inout RepositoryEditor
    ) throws {
        let path = try targetPath(text)
        let file = try editor.store(contents, as: path, custom: ["schema": 1])
        try editor.publish(role, expires: now.advanced(by: .seconds(3_600)), signers: keys) { $0.targets[text] = file }
    }

    /// Hash bins, all kinds of keys, thresholds of several kinds, rotated roots, terminating delegations; then a rotation
    /// with another threshold, a key taken away, a delegation removed and one added. With consistent snapshots and without.
    @Test(arguments: ["consistent", "plain"])
    func writesWhatWeRead(kind: String) throws {
        let folder = try TemporaryDirectory(prefix: "python-tuf-tests")
        guard let result = try run("write_repository.py", [folder.path, kind]) else { return }
        try #require(result.isSuccess, "\(result.errorText)")
        let lines = result.outputText.split(separator: "\n").map(String.init)
        let middle = try #require(lines.firstIndex(of: "second"))
        let (first, second) = (Array(lines[1..<middle]), Array(lines[(middle + 1)...]))
        try #require(first.count > 40 && second.count > first.count)

        let store = MetadataDirectory("\(folder.path)/client")
        let root = try FileSystem.read("\(folder.path)/first/metadata/1.root.json", limit: 1 << 20)
        try Updater.trust(root: root, in: store)
        let trusted = try download(first, from: "\(folder.path)/first", store)
        #expect(trusted.root.version == 3)
        #expect(trusted.root.consistentSnapshot == (kind == "consistent"))
        #expect(try download(second, from: "\(folder.path)/second", store).root.version == 4)
        // A client that comes for the first time gets there as well.
        let fresh = MetadataDirectory("\(folder.path)/fresh")
        try Updater.trust(root: root, in: fresh)
        _ = try download(second, from: "\(folder.path)/second", fresh)
    }

    /// Updates, and expects exactly these targets, each with its contents.
    private func download(
        _ targets: [String],
        from repository: String,
        _ store: MetadataDirectory
    ) throws -> TrustedMetadata {
        let transport = DirectoryTransport("\(repository)/metadata")
        var updater = try Updater(store: store, transport: transport, updateStart: now)
        try updater.refresh()
        let source = DirectoryTransport("\(repository)/targets")
        for target in targets {
            let found = try #require(try updater.find(try targetPath(target)), "\(target)")
            let contents = try updater.contents(of: found, from: source, limitBytes: 1_000)
            #expect(String(decoding: contents, as: UTF8.self) == "contents of \(target)\n")
        }
        #expect(try updater.targets(below: "").map(\.path.text) == targets.sorted())
        return updater.trusted
    }
}
