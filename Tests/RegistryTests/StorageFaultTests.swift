import Deployment
import Digest
import FileSystem
import Glibc
import Processes
import Testing
import UpdateFramework
import WallClock

@testable import Registry

/// The storage fails at call 1, 2, 3, … until a change succeeds. After each, a box finds the repository as it was or as it
/// was to be, and the change, made again, succeeds.
@Suite struct StorageFaultTests {
    /// A change, and the paths that boxes find below a folder only once it is in effect.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let run: @Sendable (inout Registry, KeyFolder, _ bundle: String) throws -> Void
    }

    private static let note = Registry.PublishingNote(publisher: "test")

    static let changes = [
        Change(testDescription: "publish") { registry, keys, bundle in
            _ = try registry.publish(bundle, note: note, keys: keys, threads: 1)
            _ = try registry.commit(keys: keys)
        },
        Change(testDescription: "deploy") { registry, keys, _ in
            _ = try registry.deploy(try SampleRegistry.request("sample@1"), keys: keys)
            _ = try registry.commit(keys: keys)
        },
        Change(testDescription: "renew the snapshot") { registry, keys, _ in
            _ = try registry.commit(keys: keys, renewSnapshot: true)
        },
        Change(testDescription: "gc") { registry, _, _ in
            try registry.remove(try RepositoryGarbage(of: registry, grace: .zero))
        },
    ]

    /// What a box knows, or finds: by path, the digests of all targets, with the timestamp's version.
    private struct View: Equatable {
        let timestamp: Int
        let targets: [String: String]
    }

    private func view(_ sample: SampleRegistry, _ store: MemoryMetadataStore) throws -> View {
        var updater = try sample.box(store, now: Self.now)
        let found = try updater.targets(below: "")
        let source = RepositoryDirectory(sample.folder).targetsTransport
        for target in found { _ = try updater.contents(of: target, from: source, limitBytes: 1 << 20) }
        return View(
            timestamp: updater.trusted.timestamp?.version ?? 0,
            targets: Dictionary(uniqueKeysWithValues: found.map { ($0.path.text, $0.file.hashes.sha256?.hex ?? "") })
        )
    }

    private static let now = UTCTime(seconds: Int64(time(nil)))

    @Test(arguments: changes, [false, true])
    func theRepositoryIsTheOldOrTheNew(change: Change, failsAfterItsEffect: Bool) throws {
        let sample = try SampleRegistry()
        sample.registry = try Registry(opening: sample.folder, now: Self.now)
        try sample.publishAndCommit(try sample.bundle("1"))
        #expect(try sample.registry.commit(keys: sample.keys, renewSnapshot: true).isCommitted)
        let bundle = try sample.bundle("2")
        // Old enough that gc would take what it may.
        let later = change.testDescription == "gc" ? Self.now.advanced(by: .seconds(3 * 86_400)) : Self.now
        let whole = "\(sample.scratch.path)/whole"
        try copy(sample.folder, to: whole)
        let old = try view(sample, MemoryMetadataStore())
        var call = 0
        var isDone = false
        var new: View?
        while !isDone {
            call += 1
            try FileSystem.removeTree(sample.folder)
            try copy(whole, to: sample.folder)
            let known = MemoryMetadataStore()
            #expect(try view(sample, known) == old)
            let storage = FailingStorage(RepositoryDirectory(sample.folder))
            storage.failingCall = call
            storage.failsAfterItsEffect = failsAfterItsEffect
            do {
                var registry = try Registry(opening: storage, keys: sample.keys, now: later)
                try change.run(&registry, sample.keys, bundle)
                isDone = storage.calls < call
            } catch is FailingStorage.Failure {
            }
            let found = try view(sample, known)
            #expect(try view(sample, MemoryMetadataStore()) == found)
            #expect(found == old || found.timestamp == old.timestamp + 1, "call \(call)")
            if call == 20 { try judgeByPythonTUF(sample, Array(found.targets.keys)) }
            // Made again, it succeeds, whatever was left behind.
            var registry = try Registry(opening: sample.folder, keys: sample.keys, now: later)
            try change.run(&registry, sample.keys, bundle)
            let final = try view(sample, known)
            if isDone { new = final }
            if call % 4 == 0 || isDone {
                #expect(try RepositoryCheck(of: sample.folder, now: Self.now).problems == [])
            }
            #expect(Set(old.targets.keys).isSubset(of: final.targets.keys))
            #expect(final.targets.count == (new ?? final).targets.count)
        }
        #expect(call > 5)
    }

    private func copy(_ source: String, to destination: String) throws {
        let result = try Processes.run("/bin/cp", arguments: ["-a", source, destination])
        try #require(result.isSuccess, "\(result.errorText)")
    }

    private func judgeByPythonTUF(_ sample: SampleRegistry, _ targets: [String]) throws {
        guard let python = getenv("EDGE_TOOLS_PYTHON").map({ String(cString: $0) }) else {
            print("not judged by python-tuf: EDGE_TOOLS_PYTHON names no Python that has it")
            return
        }
        let tests = FileSystem.parent(of: FileSystem.parent(of: #filePath))
        let client = try TemporaryDirectory(prefix: "registry-tests")
        let result = try Processes.run(
            python,
            arguments: [
                "\(tests)/UpdateFrameworkTests/judges/read_repository.py", "\(sample.folder)/metadata",
                "\(sample.folder)/targets", client.path,
            ] + targets,
            environment: ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"]
        )
        #expect(result.isSuccess, "\(result.errorText)")
    }
}
