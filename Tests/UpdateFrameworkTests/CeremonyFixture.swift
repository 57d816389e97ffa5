import Crypto
import FileSystem
import JSON
import Testing
import WallClock

@testable import UpdateFramework

/// A repository whose root is held by three people of whom two must sign, and whose `targets` by two who both must.
final class CeremonyFixture {
    static let now = SampleRepository.now
    static let later = now.advanced(by: .seconds(86_400 * 30))
    static let lifetimes = RepositoryEditor.Lifetimes(snapshot: .seconds(86_400 * 7), timestamp: .seconds(86_400))
    static let bundles = RoleName(known: "bundles")

    static let alice = SampleRepository.keys[0]
    static let bob = SampleRepository.keys[1]
    static let carol = SampleRepository.keys[2]
    static let dave = SampleRepository.keys[3]
    static let erin = SampleRepository.keys[4]
    static let builder = SampleRepository.keys[5]
    static let keeper = SampleRepository.keys[6]
    static let stranger = SampleRepository.keys[7]

    private let folder: TemporaryDirectory
    var editor: RepositoryEditor

    var path: String { folder.path }
    var storage: RepositoryDirectory { RepositoryDirectory(path) }

    static func publicKeys(_ signers: [PrivateKeySigner]) throws -> [PublicKey] {
        try signers.map { try #require($0.key.publicKey()) }
    }

    static func firstRoot(expires: UTCTime = later) throws -> RootMetadata {
        try RootMetadata(expires: expires) { role in
            switch role {
            case .root: (try publicKeys([alice, bob, carol]), 2)
            case .targets: (try publicKeys([dave, erin]), 2)
            default: (try publicKeys([keeper]), 1)
            }
        }
    }

    static func delegate(_ targets: inout TargetsMetadata) throws {
        var delegations = Delegations()
        let role = try #require(DelegatedRole(bundles, paths: [PathPattern("bundles/*/*")]))
        try delegations.delegate(to: role, keys: try publicKeys([builder]))
        targets.delegations = delegations
    }

    static func document(_ text: String, _ contents: String) throws -> NewDocument {
        NewDocument(Array(contents.utf8), as: try #require(TargetPath(text)))
    }

    init(rootExpires: UTCTime = later) throws {
        folder = try TemporaryDirectory(prefix: "ceremony-tests")
        let storage = RepositoryDirectory(folder.path)
        editor = try RepositoryEditor.create(
            in: storage,
            root: try Self.firstRoot(expires: rootExpires),
            signers: [Self.alice, Self.bob]
        )
        try editor.publish(.targets, expires: Self.later, signers: [Self.dave, Self.erin]) { try Self.delegate(&$0) }
        let first = try Self.document("bundles/digits/1", "one")
        try editor.publish(Self.bundles, expires: Self.later, signers: [Self.builder], documents: [first]) {
            $0.targets[first.path.text] = first.file
        }
        try commit()
    }

    func commit() throws {
        try editor.commit(now: Self.now, lifetimes: Self.lifetimes, signers: [Self.keeper])
    }

    func reopen() throws { editor = try RepositoryEditor(opening: storage) }

    func firstRootBytes() throws -> [UInt8] {
        try FileSystem.read("\(path)/metadata/1.root.json", limit: 1 << 20)
    }

    func names() throws -> [String] { try FileSystem.names(in: "\(path)/metadata") }

    // MARK: proposals

    /// A new document in `targets` itself.
    func targetsProposal(_ contents: String = "a rule", by signers: [PrivateKeySigner] = []) throws -> Proposal {
        let document = try Self.document("rules", contents)
        var staged = try editor.stage(.targets, expires: Self.later, documents: [document]) {
            $0.targets["rules"] = document.file
        }
        _ = try staged.sign(with: signers)
        return try editor.proposal(staged)
    }

    func rootProposal(
        by signers: [PrivateKeySigner] = [],
        _ edit: (inout RootMetadata) throws -> Void = { _ in }
    ) throws -> Proposal {
        var staged = try editor.stageRoot(expires: Self.later.advanced(by: .seconds(60)), edit: edit)
        _ = try staged.sign(with: signers)
        return try editor.proposal(staged)
    }

    func review(_ proposal: Proposal) throws -> Proposal.Review { try proposal.review(pinned: try firstRootBytes()) }

    /// Written to a file and read again.
    static func travelled(_ proposal: Proposal) throws -> Proposal {
        try Proposal(parsing: try proposal.encoded(), place: "stick")
    }

    /// The file with a member changed, as somebody may who has it in hand.
    static func forged(_ proposal: Proposal, _ name: String, _ value: JSONValue) throws -> Proposal {
        let bytes = try proposal.encoded()
        var object = try #require(try JSONValue.parse(bytes, limits: JSONLimits(bytes: bytes.count)).objectValue)
        object[name] = value
        return try Proposal(parsing: JSONValue.object(object).compactBytes(), place: "mail")
    }
}
