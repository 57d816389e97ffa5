import BundleFormat
import BundleManifest
import Deployment
import Diagnostics
import Digest
import FileSystem
import Testing
import UpdateFramework

@testable import Registry

/// What goes to boxes without a network, and what `repo verify` finds.
@Suite struct RepositoryExportTests {
    /// Two bundles, of which the second is deployed with an acceptance set, in two channels.
    private static func sample() throws -> (sample: SampleRegistry, bundle: PublishedBundle) {
        let sample = try SampleRegistry()
        try sample.publishAndCommit(try sample.bundle("1"))
        let path = try sample.bundle("2")
        try SampleRegistry.append("a signature", to: path)
        let bundle = try sample.publishAndCommit(path)
        let data = "\(sample.scratch.path)/data.jsonl"
        try FileSystem.write(Array("{\"inputs\":[1],\"label\":1}".utf8), to: data)
        _ = try sample.registry.publishAcceptance(
            data,
            Registry.AcceptanceRequest(
                endpoint: SampleRegistry.endpoint(),
                metric: .accuracy,
                bar: Acceptance.Bar(absolute: 1)
            ),
            keys: sample.keys
        )
        for channel in [Channel.prod, .dev] {
            var request = try SampleRegistry.request("sample@2", channel: channel)
            request.acceptance = 1
            request.fallback = [try SampleRegistry.reference("sample@1")]
            try sample.deploy(request)
            try sample.roll(.running, channel: channel)
        }
        _ = try sample.registry.commit(keys: sample.keys)
        return (sample, bundle)
    }

    @Test func aFolderHoldsWhatABoxNeeds() throws {
        let (sample, bundle) = try Self.sample()
        let folder = "\(sample.scratch.path)/stick/edge"
        let export = try RepositoryExport(
            of: sample.folder,
            bundle: SampleRegistry.reference("sample@2"),
            channel: .prod,
            now: SampleRegistry.now
        )
        try export.write(toFolder: folder)
        let store = MemoryMetadataStore()
        try Updater.trust(root: try FileSystem.read("\(sample.folder)/metadata/1.root.json", limit: 1 << 20), in: store)
        let stick = RepositoryDirectory(folder)
        var box = try Updater(store: store, transport: stick.metadataTransport, updateStart: SampleRegistry.now)
        try box.refresh()
        for below in ["deployments/prod", "rollouts/prod", "acceptance", "bundles/sample"] {
            for target in try box.targets(below: below) { try box.check(target, at: stick.targetsTransport) }
        }
        let other = try #require(try box.targets(below: "deployments/dev").first)
        #expect(throws: UpdateError.self, "another channel") { try box.check(other, at: stick.targetsTransport) }
        let data = try sample.registry.acceptance(of: SampleRegistry.endpoint()).document.data
        let signature = try #require(bundle.record.signatures.first)
        let blobs = [bundle.record.archive.digest.hex, data.hex, signature.digest.hex]
        #expect(try FileSystem.names(in: "\(folder)/blobs") == blobs.sorted())
        #expect(throws: FileError.self, "not over what is there") { try export.write(toFolder: folder) }
    }

    @Test func aPortableFileIsABundleWithItsChain() throws {
        let (sample, bundle) = try Self.sample()
        let path = "\(sample.scratch.path)/out.bundle.tar.zst"
        let export = try RepositoryExport(
            of: sample.folder,
            bundle: SampleRegistry.reference("sample@2"),
            channel: .prod,
            now: SampleRegistry.now
        )
        try export.write(toFile: path)
        let first = try FileSystem.read(path, limit: 1 << 20)
        try export.write(toFile: path)
        #expect(try FileSystem.read(path, limit: 1 << 20) == first)
        let built = try FileSystem.read("\(sample.folder)/\(bundle.record.archive.path)", limit: 1 << 20)
        #expect(first.starts(with: built))
        let tail = try BundleTail.read(path)
        #expect(tail.builtSize == built.count)
        #expect(tail.appended.map(\.tag) == [AppendedFrame.signatureTag, AppendedFrame.offlineTag])
        let chain = try #require(try OfflineChain.find(in: tail.appended, of: path))
        #expect(
            try chain["metadata/timestamp.json"]
                == FileSystem.read("\(sample.folder)/metadata/timestamp.json", limit: 1 << 20)
        )
        let data = try sample.registry.acceptance(of: SampleRegistry.endpoint()).document.data
        #expect(chain["blobs/\(data)"] != nil)
        let folder = "\(sample.scratch.path)/folder"
        try export.write(toFolder: folder)
        let files = try FileSystem.files(below: folder, limit: 1_000).map(\.path)
        let inFolderOnly = Set(files).subtracting(chain.files.map(\.path.text))
        #expect(inFolderOnly == Set([bundle.record.archive.path] + bundle.record.signatures.map(\.path)))
    }

    @Test func oneFileHoldsOneBundle() throws {
        let sample = try SampleRegistry()
        for glibc in [17, 28] { try sample.publishAndCommit(try sample.bundle("1", glibc: glibc)) }
        let reference = try SampleRegistry.reference("sample@1")
        let path = "\(sample.scratch.path)/out.bundle.tar.zst"
        let both = try RepositoryExport(of: sample.folder, bundle: reference, now: SampleRegistry.now)
        #expect(throws: RegistryError.self) { try both.write(toFile: path) }
        let one = try RepositoryExport(
            of: sample.folder,
            bundle: reference,
            platform: "linux-x86_64-glibc2.17-cp311",
            now: SampleRegistry.now
        )
        try one.write(toFile: path)
        #expect(throws: RegistryError.self) {
            try RepositoryExport(of: sample.folder, bundle: reference, platform: "linux-x", now: SampleRegistry.now)
        }
    }

    // MARK: verify

    private struct Damage: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let says: String
        let isMetadata: Bool
        let spoil: @Sendable (String, PublishedBundle) throws -> Void

        init(
            _ name: String,
            says: String,
            isMetadata: Bool = false,
            spoil: @escaping @Sendable (String, PublishedBundle) throws -> Void
        ) {
            testDescription = name
            self.says = says
            self.isMetadata = isMetadata
            self.spoil = spoil
        }
    }

    private static func flip(_ path: String) throws {
        var bytes = try FileSystem.read(path, limit: 1 << 20)
        bytes[bytes.count / 2] ^= 1
        try FileSystem.write(bytes, to: path)
    }

    private static func target(_ folder: String, _ ending: String) throws -> String {
        let files = try FileSystem.files(below: folder, limit: 1_000).map(\.path)
        return "\(folder)/" + (try #require(files.first { $0.hasPrefix("targets/") && $0.hasSuffix(ending) }))
    }

    private static let damages = [
        Damage("a blob that is gone", says: "is missing") { folder, bundle in
            try FileSystem.removeFile("\(folder)/\(bundle.record.archive.path)")
        },
        Damage("a blob with a flipped bit", says: "is damaged") { folder, bundle in
            try flip("\(folder)/\(bundle.record.archive.path)")
        },
        Damage("a blob that is longer", says: "bytes instead of") { folder, bundle in
            let path = "\(folder)/\(bundle.record.archive.path)"
            try FileSystem.write(try FileSystem.read(path, limit: 1 << 20) + [0], to: path)
        },
        Damage("a deployment with a flipped bit", says: "SHA-256") { folder, _ in
            try flip(try target(folder, ".1.json"))
        },
        Damage("a list of revocations that is gone", says: "has no") { folder, _ in
            try FileSystem.removeFile(try target(folder, ".revocations.json"))
        },
        Damage("a role with a flipped bit", says: "bundles", isMetadata: true) { folder, _ in
            try flip("\(folder)/metadata/3.bundles.json")
        },
        Damage("a snapshot that is gone", says: "snapshot", isMetadata: true) { folder, _ in
            let names = try FileSystem.names(in: "\(folder)/metadata").filter { $0.hasSuffix(".snapshot.json") }
            for name in names { try FileSystem.removeFile("\(folder)/metadata/\(name)") }
        },
    ]

    @Test(arguments: damages.indices) func verifyFinds(_ index: Int) throws {
        let damage = Self.damages[index]
        let (sample, bundle) = try Self.sample()
        let whole = try RepositoryCheck(of: sample.folder, now: SampleRegistry.now)
        #expect(whole.problems == [] && whole.exitCode == .done)
        #expect((whole.documents, whole.blobs) == (9, 4))
        try damage.spoil(sample.folder, bundle)
        let check = try RepositoryCheck(of: sample.folder, now: SampleRegistry.now)
        #expect(check.problems.contains { "\($0.path) \($0.text)".contains(damage.says) }, "\(check.problems)")
        #expect((check.metadataExitCode != nil) == damage.isMetadata)
        #expect(check.exitCode != .done)
    }

    @Test func verifyFindsNamesThatLeadNowhere() throws {
        let (sample, bundle) = try Self.sample()
        // As somebody may who writes documents by hand.
        let location = bundle.location.path
        _ = try sample.registry.change(.bundles, keys: sample.keys) { _ in
            Registry.Change(result: ()) { $0.targets[location] = nil }
        }
        _ = try sample.registry.commit(keys: sample.keys)
        let check = try RepositoryCheck(of: sample.folder, now: SampleRegistry.now)
        #expect(
            check.problems.map(\.path).sorted() == ["deployments/dev/sorter/1.json", "deployments/prod/sorter/1.json"]
        )
        #expect(check.exitCode == .checkFailed)
        #expect(check.notes.contains { $0.contains("nothing in effect names") }, "\(check.notes)")
    }

    @Test func verifyTrustsTheRootItIsGiven() throws {
        let (sample, _) = try Self.sample()
        let other = try SampleRegistry()
        let root = "\(other.folder)/metadata/1.root.json"
        let check = try RepositoryCheck(of: sample.folder, root: root, now: SampleRegistry.now)
        #expect(check.exitCode == .signatureInvalid, "\(check.problems)")
    }
}
