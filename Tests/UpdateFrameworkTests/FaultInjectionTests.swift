import FileSystem
import JSON
import Testing

@testable import UpdateFramework

/// The store and the network fail at their call 1, 2, 3, … until an update comes through: after each, every trusted file is
/// the old one or a new one, whole, and the next update ends where an undisturbed one does.
@Suite struct FaultInjectionTests {
    /// What goes wrong with one call.
    enum Fault: CaseIterable, CustomTestStringConvertible {
        case fails
        /// It has its effect, and fails all the same: the disk's answer was lost.
        case failsAfterwards
        case isCutShort
        case isWrong

        var testDescription: String { "\(self)" }

        func spoiled(_ bytes: [UInt8]) -> [UInt8] {
            switch self {
            case .fails, .failsAfterwards: return bytes
            case .isCutShort: return Array(bytes.dropLast(bytes.count / 3))
            case .isWrong:
                var wrong = bytes
                if !wrong.isEmpty { wrong[wrong.count / 2] ^= 1 }
                return wrong
            }
        }
    }

    enum Place: CaseIterable { case reads, writes, removals, network }

    private static let target = SampleRepository.targetPath
    private let keys = SampleRepository.keys
    private let team = SampleRepository.team

    /// Three roots, of which the second takes the timestamp's key away (5.3.11) and the third the root's; new metadata of
    /// every role; and a role that delegates on.
    private func repositories() throws -> (old: SampleRepository, new: SampleRepository) {
        var repository = SampleRepository(listsHashes: true)
        let deeper = try roleName("deeper")
        repository.signers[deeper] = [keys[5]]
        let delegation = SampleRepository.delegation(deeper, paths: ["team/deep*"], keys: [keys[5]])
        let delegations = repository.delegations([delegation], keys: [keys[5]])
        repository.bump(team) { $0.set(delegations, "delegations") }
        repository.bodies[deeper] = SampleRepository.targetsBody(["team/deeper": [1]])
        repository.write(deeper)
        repository.publishOnline()
        let old = repository
        repository.signers[.timestamp] = [keys[6]]
        repository.rotateRoot()
        repository.signers[.root] = [keys[7]]
        repository.rotateRoot(old: [keys[0]])
        for role in [RoleName.targets, team, deeper] { repository.bump(role) }
        repository.publishOnline()
        return (old, repository)
    }

    private func update(_ store: any MetadataStore, _ transport: any RepositoryTransport) throws {
        var updater = try Updater(store: store, transport: transport, updateStart: SampleRepository.now)
        try updater.refresh()
        for path in [Self.target, "team/deeper"] { _ = try #require(try updater.find(targetPath(path))) }
    }

    private func trusting(_ repository: SampleRepository) throws -> MemoryMetadataStore {
        let store = MemoryMetadataStore()
        try Updater.trust(root: repository.files["1.root.json"] ?? [], in: store)
        try update(store, SampleTransport(repository.files))
        return store
    }

    @Test(arguments: Place.allCases, Fault.allCases)
    func leavesTheOldOrTheNew(_ place: Place, _ fault: Fault) throws {
        // A write is whole or an error: that is what the port promises, and what the kills at every call show of the disk.
        if place == .writes || place == .removals, fault == .isCutShort || fault == .isWrong { return }
        let (old, new) = try repositories()
        let undisturbed = try trusting(old)
        let before = undisturbed.files
        try update(undisturbed, SampleTransport(new.files))
        let served = Set(old.files.values).union(new.files.values)

        var faults = 0
        for call in 1... {
            let store = try trusting(old)
            let disturbance = Disturbance(place, fault, call: call)
            let disturbed = DisturbedStore(store, disturbance)
            let outcome = Result { try update(disturbed, DisturbedTransport(new.files, disturbance)) }
            for (file, bytes) in store.files {
                #expect(served.contains(bytes), "\(file.path) after call \(call)")
            }
            // Nothing is lost but what 5.3.11 has forgotten.
            let lost = Set(before.keys).subtracting(store.files.keys)
            #expect(lost.isSubset(of: [.role(.timestamp), .role(.snapshot)]), "\(lost.map(\.path)) after call \(call)")
            #expect(lost.isEmpty || store.files[.role(.root)] != before[.role(.root)] || outcome.isFailure)

            try update(store, SampleTransport(new.files))
            #expect(store.files == undisturbed.files, "after call \(call)")
            guard disturbance.hasHappened else { break }
            faults += 1
        }
        #expect(faults >= (place == .removals ? 1 : 5), "\(faults)")
    }

    /// First trust, too, is there whole or not at all.
    @Test(arguments: Place.allCases, [Fault.fails, .failsAfterwards])
    func firstTrustIsWholeOrNone(_ place: Place, _ fault: Fault) throws {
        let (old, new) = try repositories()
        let root = try #require(old.files["1.root.json"])
        for call in 1... {
            let store = MemoryMetadataStore()
            let disturbance = Disturbance(place, fault, call: call)
            _ = Result { try Updater.trust(root: root, in: DisturbedStore(store, disturbance)) }
            #expect(store.files.values.allSatisfy { $0 == root })
            try Updater.trust(root: root, in: store)
            try update(store, SampleTransport(new.files))
            guard disturbance.hasHappened else { return }
        }
    }

    /// A download that is cut short, wrong or too long leaves nothing, and what was there before stays.
    @Test(arguments: Fault.allCases)
    func downloadsAreWholeOrNone(_ fault: Fault) throws {
        let repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        var updater = try client.update(from: repository).updater
        let found = try #require(try updater.find(targetPath(Self.target)))
        let folder = try TemporaryDirectory(prefix: "fault-injection-tests")
        let place = "\(folder.path)/file"
        for there in [nil, Array("older".utf8)] as [[UInt8]?] {
            if let there { try FileSystem.write(there, to: place) }
            let source = DisturbedTransport(repository.targetFiles, Disturbance(.network, fault, call: 1))
            #expect(throws: (any Error).self) { try updater.download(found, from: source, to: place) }
            #expect(try FileSystem.names(in: folder.path) == (there == nil ? [] : ["file"]))
            if let there { #expect(try FileSystem.read(place, limit: 100) == there) }
            #expect(try updater.download(found, from: source, to: place))
            #expect(try FileSystem.read(place, limit: 100) == SampleRepository.targetContents)
            try FileSystem.removeFile(place)
        }
    }
}

extension Result {
    fileprivate var isFailure: Bool { if case .failure = self { true } else { false } }
}

/// Which call goes wrong, and how.
private final class Disturbance {
    let fault: FaultInjectionTests.Fault
    private let place: FaultInjectionTests.Place
    private var left: Int
    private(set) var hasHappened = false

    init(_ place: FaultInjectionTests.Place, _ fault: FaultInjectionTests.Fault, call: Int) {
        (self.place, self.fault, left) = (place, fault, call)
    }

    /// Whether this is the call.
    func strikes(_ here: FaultInjectionTests.Place) -> Bool {
        guard here == place else { return false }
        left -= 1
        if left == 0 { hasHappened = true }
        return left == 0
    }
}

private struct DisturbedStore: MetadataStore {
    private let store: MemoryMetadataStore
    private let disturbance: Disturbance

    init(_ store: MemoryMetadataStore, _ disturbance: Disturbance) {
        (self.store, self.disturbance) = (store, disturbance)
    }

    var name: String { store.name }

    private func failure(_ file: StoredMetadata) -> FileError { .failed(operation: "use", path: file.path, code: 5) }

    func read(_ file: StoredMetadata, limitBytes: Int) throws -> [UInt8]? {
        guard disturbance.strikes(.reads) else { return try store.read(file, limitBytes: limitBytes) }
        switch disturbance.fault {
        case .fails, .failsAfterwards: throw failure(file)
        case .isCutShort, .isWrong: return try store.read(file, limitBytes: limitBytes).map(disturbance.fault.spoiled)
        }
    }

    func write(_ bytes: [UInt8], to file: StoredMetadata) throws {
        guard disturbance.strikes(.writes) else { return try store.write(bytes, to: file) }
        if disturbance.fault == .failsAfterwards { try store.write(bytes, to: file) }
        throw failure(file)
    }

    func remove(_ file: StoredMetadata) throws {
        guard disturbance.strikes(.removals) else { return try store.remove(file) }
        if disturbance.fault == .failsAfterwards { try store.remove(file) }
        throw failure(file)
    }
}

private struct DisturbedTransport: RepositoryTransport {
    private let transport: SampleTransport
    private let disturbance: Disturbance

    init(_ files: [String: [UInt8]], _ disturbance: Disturbance) {
        (transport, self.disturbance) = (SampleTransport(files), disturbance)
    }

    func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard disturbance.strikes(.network) else {
            return try transport.fetch(path, limitBytes: limitBytes, receive: receive)
        }
        let broken = TransportError.unavailable(path.description, reason: "the cable is cut", retryAfter: nil)
        var bytes: [UInt8] = []
        guard disturbance.fault != .fails else { throw broken }
        try transport.fetch(path, limitBytes: limitBytes) { bytes += $0 }
        try disturbance.fault.spoiled(bytes).withUnsafeBytes(receive)
        if disturbance.fault == .failsAfterwards { throw broken }
    }
}
