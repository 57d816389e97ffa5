import Crypto
import Diagnostics
import FileSystem
import Glibc
import Processes
import Testing
import UpdateFramework

@testable import Registry

/// Files of keys in a scratch folder.
final class SampleKeys {
    let scratch: TemporaryDirectory

    init() throws { scratch = try TemporaryDirectory(prefix: "key-folder-tests") }

    var folder: String { scratch.path }

    /// Makes a key in `NAME.pem`, with its public half beside it unless it is not wanted.
    @discardableResult
    func make(
        _ name: String,
        _ type: KeyType = .p256,
        passphrase: String? = nil,
        withPublicHalf: Bool = true
    ) throws -> MetadataKey {
        let key = try PrivateKey.generate(type)
        let path = "\(folder)/\(name).pem"
        let beside = try KeyFile.write(key, to: path, passphrase: passphrase.map { Array($0.utf8) })
        if !withPublicHalf { try FileSystem.removeFile(beside) }
        return try MetadataKey(try key.publicKey)
    }

    /// Writes a program for a shell; returns its command line. The shell reads it: a file that a test has open for
    /// writing can't be executed.
    func program(_ name: String, _ lines: String) throws -> String {
        let path = "\(folder)/\(name)"
        try FileSystem.write(Array("\(lines)\n".utf8), to: path)
        return "/bin/sh \(path)"
    }
}

@Suite struct KeyFolderTests {
    private static let message = Array("{\"_type\":\"targets\"}".utf8)

    /// Counts how often it was asked.
    private final class Passphrase: @unchecked Sendable {
        let text: String
        private(set) var asked: [String] = []
        init(_ text: String) { self.text = text }
        func callAsFunction(_ path: String) -> [UInt8]? {
            asked.append(path)
            return Array(text.utf8)
        }
    }

    @Test(arguments: KeyType.allCases)
    func findsAKeyByWhatItIsWhateverItsFileIsCalled(type: KeyType) throws {
        let sample = try SampleKeys()
        try sample.make("other")
        let key = try sample.make("anything at all", type)
        let signers = try KeyFolder(sample.folder).signers(among: [key])
        #expect(signers.map(\.key) == [key])
        let signature = try #require(signers.first).sign(Self.message)
        #expect(key.publicKey()?.verify(signature: signature, message: Self.message) == true)
    }

    @Test func signsUnderTheKeyIDOfTheMetadata() throws {
        let sample = try SampleKeys()
        let bare = try sample.make("alice")
        let named = try MetadataKey(try #require(bare.publicKey()), owner: "Alice")
        #expect(named.id != bare.id)
        #expect(try KeyFolder(sample.folder).signers(among: [named]).map(\.key.id) == [named.id])
    }

    @Test func givesOnlyTheKeysThatAreHere() throws {
        let (mine, theirs) = (try SampleKeys(), try SampleKeys())
        let (first, second) = (try mine.make("first"), try mine.make("second"))
        let other = try theirs.make("first")
        let keys = KeyFolder(mine.folder)
        #expect(try keys.signers(among: [other, second, first]).map(\.key) == [second, first])
        #expect(try keys.holdsAny(of: [other, first]))
        #expect(try !keys.holdsAny(of: [other]))
        #expect(try !keys.holdsAny(of: []))
    }

    @Test func aFolderThatIsNotThereHoldsNothing() throws {
        let sample = try SampleKeys()
        let key = try sample.make("key")
        let keys = KeyFolder("\(sample.folder)/no")
        #expect(try keys.signers(among: [key]).isEmpty)
        #expect(try keys.exposed().isEmpty)
        #expect(try KeyFolder(nil).signers(among: [key]).isEmpty)
    }

    @Test func takesSingleFilesBesideTheFolder() throws {
        let (folder, elsewhere) = (try SampleKeys(), try SampleKeys())
        let (first, second) = (try folder.make("a"), try elsewhere.make("b"))
        let source = try #require(KeySource("\(elsewhere.folder)/b.pem"))
        #expect(try KeyFolder(folder.folder, keys: [source]).signers(among: [first, second]).count == 2)
        #expect(try KeyFolder(nil, keys: [source]).signers(among: [first, second]).map(\.key) == [second])
        #expect(KeyFolder(nil, keys: [source]).trustedRootPath == "\(elsewhere.folder)/1.root.json")
    }

    // MARK: encrypted keys

    @Test func opensAnEncryptedKeyOnlyToSignAndOnlyOnce() throws {
        let sample = try SampleKeys()
        let key = try sample.make("root", passphrase: "secret")
        let passphrase = Passphrase("secret")
        let keys = KeyFolder(sample.folder, passphrase: { passphrase($0) })
        #expect(try keys.holdsAny(of: [key]))
        let signer = try #require(try keys.signers(among: [key]).first)
        #expect(passphrase.asked.isEmpty)
        for _ in 0..<2 {
            let signature = try signer.sign(Self.message)
            #expect(key.publicKey()?.verify(signature: signature, message: Self.message) == true)
        }
        #expect(passphrase.asked == ["\(sample.folder)/root.pem"])
    }

    @Test func saysThatAPassphraseIsMissingOrWrong() throws {
        let sample = try SampleKeys()
        let key = try sample.make("root", passphrase: "secret")
        let path = "\(sample.folder)/root.pem"
        #expect(throws: CryptoError.encryptedKey(source: path)) {
            try KeyFolder(sample.folder).signers(among: [key]).first?.sign(Self.message)
        }
        #expect(throws: CryptoError.wrongPassphrase(source: path)) {
            let keys = KeyFolder(sample.folder, passphrase: { _ in Array("wrong".utf8) })
            _ = try keys.signers(among: [key]).first?.sign(Self.message)
        }
    }

    @Test func asksForThePublicHalfOfAnEncryptedKeyOfTheFolder() throws {
        let sample = try SampleKeys()
        let key = try sample.make("root", passphrase: "secret", withPublicHalf: false)
        let expected = KeyError.publicHalfMissing(
            key: "\(sample.folder)/root.pem",
            expected: "\(sample.folder)/root.pub"
        )
        #expect(throws: expected) { try KeyFolder(sample.folder).signers(among: [key]) }
        // One that was named is opened.
        let passphrase = Passphrase("secret")
        let named = KeyFolder(nil, keys: [.file("\(sample.folder)/root.pem")], passphrase: { passphrase($0) })
        #expect(try named.signers(among: [key]).count == 1)
        #expect(passphrase.asked.count == 1)
    }

    @Test func refusesAPublicHalfOfAnotherKey() throws {
        let sample = try SampleKeys()
        try sample.make("root", passphrase: "secret")
        let other = try sample.make("other")
        let path = "\(sample.folder)/root.pub"
        try FileSystem.rename("\(sample.folder)/other.pub", to: path)
        try FileSystem.removeFile("\(sample.folder)/other.pem")
        let keys = KeyFolder(sample.folder, passphrase: { _ in Array("secret".utf8) })
        #expect(throws: KeyError.halvesDiffer(key: "\(sample.folder)/root.pem", publicPath: path)) {
            try keys.signers(among: [other]).first?.sign(Self.message)
        }
    }

    // MARK: what else lies in the folder

    @Test func passesOverWhatIsNoKeyForMetadata() throws {
        let sample = try SampleKeys()
        let key = try sample.make("root")
        _ = try KeyFile.write(try PrivateKey.generate(curve: .p521), to: "\(sample.folder)/release.pem")
        try FileSystem.write(try #require(key.publicKey()).pemBytes, to: "\(sample.folder)/public.pem")
        try FileSystem.write(Array("a note".utf8), to: "\(sample.folder)/note.pem")
        try FileSystem.write(Array("half a key".utf8), to: "\(sample.folder)/.key.abc.pem")
        #expect(try KeyFolder(sample.folder).signers(among: [key]).count == 1)
    }

    @Test func tellsOfADamagedKeyWhenItIsToSign() throws {
        let sample = try SampleKeys()
        let (key, other) = (try sample.make("root"), try sample.make("other"))
        let path = "\(sample.folder)/root.pem"
        var text = try FileSystem.read(path, limit: 1 << 16)
        text[60] ^= 0x01
        try FileSystem.write(text, to: path)
        let keys = KeyFolder(sample.folder)
        let signers = try keys.signers(among: [key, other])
        #expect(signers.map(\.key) == [key, other])
        #expect(try !signers[1].sign(Self.message).isEmpty)
        let error = #expect(throws: CryptoError.self) { try signers[0].sign(Self.message) }
        #expect(error?.message.hasPrefix(path) == true)
    }

    @Test func namesWhatOthersCanReadOrChange() throws {
        let sample = try SampleKeys()
        try sample.make("a")
        try sample.make("b")
        try FileSystem.write(Array("kms sign".utf8), to: "\(sample.folder)/c.exec", mode: 0o644)
        try FileSystem.write(Array("kms sign".utf8), to: "\(sample.folder)/d.exec", mode: 0o644)
        #expect(chmod("\(sample.folder)/b.pem", 0o640) == 0)
        #expect(chmod("\(sample.folder)/d.exec", 0o664) == 0)
        #expect(try KeyFolder(sample.folder).exposed() == ["\(sample.folder)/b.pem", "\(sample.folder)/d.exec"])
    }
}
