package import Crypto
internal import Diagnostics
internal import FileSystem
internal import Synchronization
internal import UpdateFramework

/// A private key where it is: what tells its public half without more than is needed, and signs when it must.
package struct KeyHolder: Sendable {
    package let source: KeySource
    private let passphrase: @Sendable (String) throws -> [UInt8]?
    private let opened: OpenedKeys

    /// A key of its own, outside of any folder.
    package init(source: KeySource, passphrase: @escaping @Sendable (String) throws -> [UInt8]? = { _ in nil }) {
        self.init(source: source, passphrase: passphrase, opened: OpenedKeys())
    }

    init(source: KeySource, passphrase: @escaping @Sendable (String) throws -> [UInt8]?, opened: OpenedKeys) {
        self.source = source
        self.passphrase = passphrase
        self.opened = opened
    }

    private static let limitBytes = 64 * 1024

    // MARK: who it is

    /// The public half: of a key that can be read at once from itself, else from the `.pub` file beside it. Where that is
    /// missing the key is opened after all.
    package func publicKey() throws -> PublicKey {
        switch source {
        case .file(let path):
            let text = try FileSystem.read(path, limit: Self.limitBytes)
            if PrivateKey.isEncrypted(pem: text), let beside = try publicHalf(beside: path) { return beside }
            return try privateKey(at: path, text).publicKey
        case .commandFile(let path):
            if let beside = try publicHalf(beside: path) { return beside }
            return try command(in: path).publicKey()
        case .command(let words):
            return try opened.publicKey(of: words) { try SigningCommand(words: words).publicKey() }
        }
    }

    /// The same for what lies in a folder, where nothing is opened to see what it is. Nil where it is no key that can sign
    /// metadata.
    func publicKeyIfUsable() throws -> PublicKey? {
        guard case .file(let path) = source else { return try publicKey() }
        let text = try FileSystem.read(path, limit: Self.limitBytes)
        let beside = try publicHalf(beside: path)
        if PrivateKey.isEncrypted(pem: text) {
            guard let beside else {
                throw KeyError.publicHalfMissing(key: path, expected: KeyFile.publicPath(for: path))
            }
            return beside
        }
        do {
            return try privateKey(at: path, text).publicKey
        } catch let error as CryptoError {
            if case .unsupportedKey = error { return nil }
            if let beside { return beside }  // a damaged key is told of when it is to sign
            // What has no key in it is something else.
            guard PrivateKey.isPrivateKey(pem: text) else { return nil }
            throw error
        }
    }

    private func publicHalf(beside path: String) throws -> PublicKey? {
        let name = path.hasSuffix(KeySource.commandSuffix) ? String(path.dropLast(KeySource.commandSuffix.count)) : path
        let beside = KeyFile.publicPath(for: name)
        guard try FileSystem.statusFollowingLinks(of: beside) != nil else { return nil }
        return try KeyFile.readPublic(beside)
    }

    // MARK: signing

    /// A signature that the given public half verifies; anything else is an error.
    func sign(_ message: [UInt8], as expected: PublicKey) throws -> [UInt8] {
        switch source {
        case .file(let path):
            let key = try privateKey(at: path)
            guard try key.publicKey.material == expected.material else {
                throw KeyError.halvesDiffer(key: path, publicPath: KeyFile.publicPath(for: path))
            }
            return try key.sign(message)
        case .commandFile(let path): return try command(in: path).sign(message, as: expected)
        case .command(let words): return try SigningCommand(words: words).sign(message, as: expected)
        }
    }

    private func command(in path: String) throws -> SigningCommand {
        let bytes = try FileSystem.read(path, limit: 4096)
        let words = String(validating: bytes, as: UTF8.self).map(KeySource.words) ?? []
        guard !words.isEmpty else { throw KeyError.noCommand(path: path) }
        return SigningCommand(words: words)
    }

    func privateKey(at path: String) throws -> PrivateKey {
        try privateKey(at: path, try FileSystem.read(path, limit: Self.limitBytes))
    }

    private func privateKey(at path: String, _ text: [UInt8]) throws -> PrivateKey {
        guard PrivateKey.isEncrypted(pem: text) else { return try PrivateKey(pem: text, source: path) }
        return try opened.privateKey(of: text) {
            try PrivateKey(pem: text, source: path, passphrase: try passphrase(path))
        }
    }
}

/// Signs with a key where it is.
struct KeySigner: MetadataSigner {
    let key: MetadataKey
    let holder: KeyHolder

    func sign(_ message: [UInt8]) throws -> [UInt8] {
        guard let publicKey = key.publicKey() else { throw KeyError.unknownKind(key: key.label) }
        return try holder.sign(message, as: publicKey)
    }
}

/// What was opened once, so that nobody is asked for a passphrase twice.
final class OpenedKeys: Sendable {
    private struct State {
        /// By the text of the file: another key may have come to its place.
        var privateKeys: [[UInt8]: PrivateKey] = [:]
        var commands: [[String]: PublicKey] = [:]
    }

    private let state = Mutex(State())

    func privateKey(of text: [UInt8], _ open: () throws -> PrivateKey) throws -> PrivateKey {
        if let known = state.withLock({ $0.privateKeys[text] }) { return known }
        let key = try open()
        state.withLock { $0.privateKeys[text] = key }
        return key
    }

    func publicKey(of words: [String], _ ask: () throws -> PublicKey) throws -> PublicKey {
        if let known = state.withLock({ $0.commands[words] }) { return known }
        let key = try ask()
        state.withLock { $0.commands[words] = key }
        return key
    }
}
