internal import Crypto
internal import FileSystem
package import UpdateFramework

/// The keys that somebody brings to sign with: a folder of key files, or single files and commands, or both.
///
/// In the folder lies `NAME.pem` for each key, as `edgepack key generate` writes it, or `NAME.exec` with the command that
/// signs in its place. In a pilot one folder has a file for each role, `ROLE.pem`; later each holder has their own. Which
/// key signs for which role is decided by what the key is, never by the name of its file.
package struct KeyFolder: Sendable {
    package let folder: String?
    /// Keys besides those of the folder.
    package let keys: [KeySource]
    private let passphrase: @Sendable (String) throws -> [UInt8]?
    private let opened = OpenedKeys()

    /// - Parameter passphrase: asked for the passphrase of a key that is encrypted, with its path, when it is to sign.
    package init(
        _ folder: String?,
        keys: [KeySource] = [],
        passphrase: @escaping @Sendable (String) throws -> [UInt8]? = { _ in nil }
    ) {
        self.folder = folder
        self.keys = keys
        self.passphrase = passphrase
    }

    // MARK: by what they are

    /// One signer for each of the keys that is here, in their order. A key that is encrypted is opened, and a command asked
    /// for a signature, only when the signer signs.
    package func signers(among wanted: [MetadataKey]) throws -> [any MetadataSigner] {
        let present = try present()
        return wanted.compactMap { key in
            guard let material = key.material, let source = present.first(where: { $0.material == material }) else {
                return nil
            }
            return KeySigner(key: key, holder: source.holder)
        }
    }

    /// Whether one of the keys is here.
    package func holdsAny(of wanted: [MetadataKey]) throws -> Bool {
        let present = try Set(present().map(\.material))
        return wanted.contains { $0.material.map(present.contains) ?? false }
    }

    private func present() throws -> [(material: [UInt8], holder: KeyHolder)] {
        var found: [(material: [UInt8], holder: KeyHolder)] = []
        for source in keys {
            let holder = KeyHolder(source: source, passphrase: passphrase, opened: opened)
            found.append((try holder.publicKey().material, holder))
        }
        for source in try filesOfFolder() {
            let holder = KeyHolder(source: source, passphrase: passphrase, opened: opened)
            // Whatever else lies there is nobody's mistake: certificates, keys of other uses.
            guard let publicKey = try holder.publicKeyIfUsable() else { continue }
            found.append((publicKey.material, holder))
        }
        return found
    }

    private func filesOfFolder() throws -> [KeySource] {
        guard let folder, try FileSystem.statusFollowingLinks(of: folder) != nil else { return [] }
        return try FileSystem.names(in: folder).sorted().compactMap { name in
            guard !name.hasPrefix(".") else { return nil }
            let path = FileSystem.join(folder, name)
            if name.hasSuffix(".pem") { return .file(path) }
            return name.hasSuffix(KeySource.commandSuffix) ? .commandFile(path) : nil
        }
    }

    /// The key files that others on this machine can read, and the commands that they can change.
    package func exposed() throws -> [String] {
        let sources = try keys + filesOfFolder()
        return try sources.compactMap { source in
            switch source {
            case .file(let path): try hasMode(0o044, path) ? path : nil
            case .commandFile(let path): try hasMode(0o022, path) ? path : nil
            case .command: nil
            }
        }
    }

    private func hasMode(_ mode: UInt32, _ path: String) throws -> Bool {
        guard let status = try FileSystem.statusFollowingLinks(of: path) else { return false }
        return UInt32(status.permissions) & mode != 0
    }

    // MARK: the repository they are for

    /// The first root of the repository that the keys are for, put here when it was made.
    package var trustedRootPath: String? { pinFolder.map { FileSystem.join($0, "1.root.json") } }

    /// The folder, or where the first single file lies.
    private var pinFolder: String? {
        if let folder { return folder }
        for case .file(let path) in keys { return FileSystem.parent(of: path) }
        return nil
    }

    package func trustedRoot() throws -> [UInt8]? {
        guard let trustedRootPath, try FileSystem.statusFollowingLinks(of: trustedRootPath) != nil else { return nil }
        return try FileSystem.read(trustedRootPath, limit: UpdateLimits().rootBytes)
    }

    /// Keys that are for another repository already stay so.
    func trust(root: [UInt8]) throws {
        guard let trustedRootPath, try trustedRoot() == nil else { return }
        try FileSystem.write(root, to: trustedRootPath)
    }
}

// MARK: by the name of a role

extension KeyFolder {
    package func path(of role: RegistryRole) -> String { path(named: role.text) }

    func path(named name: String) -> String { FileSystem.join(folder ?? "", "\(name).pem") }

    package func holds(_ role: RegistryRole) throws -> Bool {
        try folder != nil && FileSystem.statusFollowingLinks(of: path(of: role)) != nil
    }

    func key(of role: RegistryRole) throws -> PrivateKey {
        guard try holds(role) else { throw RegistryError.keyMissing(role: role.text, path: path(of: role)) }
        return try privateKey(at: path(of: role))
    }

    /// The key in a file, opened with the passphrase where that is needed.
    func privateKey(at path: String) throws -> PrivateKey {
        try KeyHolder(source: .file(path), passphrase: passphrase, opened: opened).privateKey(at: path)
    }

    /// The public half, which others may have given: `ROLE.pub`.
    func publicKey(of role: RegistryRole) throws -> PublicKey {
        let path = KeyFile.publicPath(for: path(of: role))
        if try holds(role) {
            return try KeyHolder(source: .file(self.path(of: role)), passphrase: passphrase, opened: opened).publicKey()
        }
        guard try FileSystem.statusFollowingLinks(of: path) != nil else {
            throw RegistryError.keyMissing(role: role.text, path: path)
        }
        return try KeyFile.readPublic(path)
    }

    /// The public half of what is in the folder under a role's name: `ROLE.pem`, `ROLE.exec`, or `ROLE.pub` alone. Nil
    /// where there is nothing.
    func ownPublicKey(of role: RegistryRole) throws -> PublicKey? {
        guard let folder else { return nil }
        let path = path(of: role)
        if try FileSystem.statusFollowingLinks(of: path) != nil {
            return try KeyHolder(source: .file(path), passphrase: passphrase, opened: opened).publicKey()
        }
        let command = FileSystem.join(folder, role.text + KeySource.commandSuffix)
        if try FileSystem.statusFollowingLinks(of: command) != nil {
            return try KeyHolder(source: .commandFile(command), passphrase: passphrase, opened: opened).publicKey()
        }
        let publicPath = KeyFile.publicPath(for: path)
        return try FileSystem.statusFollowingLinks(of: publicPath).map { _ in try KeyFile.readPublic(publicPath) }
    }

    func signer(of role: RegistryRole) throws -> PrivateKeySigner { try PrivateKeySigner(try key(of: role)) }

    /// The role's key, made where there is none. True where it was made.
    func keyMakingIt(of role: RegistryRole) throws -> (key: PrivateKey, isNew: Bool) {
        if try holds(role) { return (try key(of: role), false) }
        return (try make(path(of: role)), true)
    }

    func make(_ path: String, _ type: KeyType = .p256) throws -> PrivateKey {
        let key = try PrivateKey.generate(type)
        _ = try KeyFile.write(key, to: path)
        return key
    }
}
