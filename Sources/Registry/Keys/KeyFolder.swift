internal import Crypto
internal import FileSystem
internal import UpdateFramework

/// A folder with one key file for each role that its owner holds: `ROLE.pem`, as `edgepack key generate` writes them.
/// In a pilot one folder has all; later each holder has their own.
package struct KeyFolder: Sendable {
    package let folder: String

    package init(_ folder: String) { self.folder = folder }

    package func path(of role: RegistryRole) -> String { path(named: role.text) }

    func path(named name: String) -> String { FileSystem.join(folder, "\(name).pem") }

    package func holds(_ role: RegistryRole) throws -> Bool {
        try FileSystem.statusFollowingLinks(of: path(of: role)) != nil
    }

    /// The keys of this folder that others on this machine can read.
    package func exposed() throws -> [String] {
        try RegistryRole.all.map { path(of: $0) }.filter { path in
            guard let status = try FileSystem.statusFollowingLinks(of: path) else { return false }
            return status.permissions & 0o044 != 0
        }
    }

    /// The first root of the repository that the keys are for, put here when it was made.
    var trustedRootPath: String { FileSystem.join(folder, "1.root.json") }

    func trustedRoot() throws -> [UInt8]? {
        guard try FileSystem.statusFollowingLinks(of: trustedRootPath) != nil else { return nil }
        return try FileSystem.read(trustedRootPath, limit: UpdateLimits().rootBytes)
    }

    /// Keys that are for another repository already stay so.
    func trust(root: [UInt8]) throws {
        guard try trustedRoot() == nil else { return }
        try FileSystem.write(root, to: trustedRootPath)
    }

    func key(of role: RegistryRole) throws -> PrivateKey {
        guard try holds(role) else { throw RegistryError.keyMissing(role: role.text, path: path(of: role)) }
        return try KeyFile.readPrivate(path(of: role)).key
    }

    /// The public half, which others may have given: `ROLE.pub`.
    func publicKey(of role: RegistryRole) throws -> PublicKey {
        let path = KeyFile.publicPath(for: path(of: role))
        if try holds(role) { return try key(of: role).publicKey }
        guard try FileSystem.statusFollowingLinks(of: path) != nil else {
            throw RegistryError.keyMissing(role: role.text, path: path)
        }
        return try KeyFile.readPublic(path)
    }

    func signer(of role: RegistryRole) throws -> PrivateKeySigner { try PrivateKeySigner(try key(of: role)) }

    /// The role's key, made where there is none. True where it was made.
    func keyMakingIt(of role: RegistryRole) throws -> (key: PrivateKey, isNew: Bool) {
        if try holds(role) { return (try key(of: role), false) }
        return (try make(path(of: role)), true)
    }

    func make(_ path: String) throws -> PrivateKey {
        let key = try PrivateKey.generate(curve: .p256)
        _ = try KeyFile.write(key, to: path)
        return key
    }
}
