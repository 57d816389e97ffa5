internal import FileSystem
internal import Glibc

/// Keys in files: `KEY.pem`, for its owner only, and `KEY.pub` beside it.
package enum KeyFile {
    /// A private key as it was found in its file.
    package struct Loaded: Sendable {
        /// The key.
        package let key: PrivateKey
        /// The file's mode lets its group or everybody read it; whoever loads it should be warned.
        package let isReadableByOthers: Bool
    }

    /// Where the public half of the key at `path` belongs: `.pub` in place of `.pem`, else behind it.
    package static func publicPath(for path: String) -> String {
        (path.hasSuffix(".pem") ? String(path.dropLast(4)) : path) + ".pub"
    }

    /// Writes the key to `path` with mode 0600, encrypted where there is a passphrase, and its public half beside it.
    /// Returns the public half's path.
    ///
    /// Nothing is overwritten: where either file is there, this throws `CryptoError.keyFileExists`. After any error
    /// neither file of ours is left; after success both are on the disk.
    package static func write(_ key: PrivateKey, to path: String, passphrase: [UInt8]? = nil) throws -> String {
        let publicPath = publicPath(for: path)
        let privateText = try key.pemBytes(passphrase: passphrase)
        let publicText = try key.publicKey.pemBytes
        try create(path, mode: 0o600, content: privateText)
        do {
            try create(publicPath, mode: 0o644, content: publicText)
            try FileSystem.synchronizeDirectory(FileSystem.parent(of: path))
        } catch {
            try? FileSystem.removeFile(path)
            if !isKeyFileExists(error) { try? FileSystem.removeFile(publicPath) }
            throw error
        }
        return publicPath
    }

    /// Reads a private key from a file of at most 64 KiB.
    ///
    /// - Parameter passphrase: asked for the passphrase of a key that is encrypted, with its path; by default there is none.
    package static func readPrivate(
        _ path: String,
        passphrase: (String) throws -> [UInt8]? = { _ in nil }
    ) throws -> Loaded {
        let text = try FileSystem.read(path, limit: PEMBlock.limitBytes)
        let permissions = try FileSystem.statusFollowingLinks(of: path)?.permissions ?? 0
        let secret = PrivateKey.isEncrypted(pem: text) ? try passphrase(path) : nil
        return Loaded(
            key: try PrivateKey(pem: text, source: path, passphrase: secret),
            isReadableByOthers: permissions & (S_IRGRP | S_IROTH) != 0
        )
    }

    /// Reads a public key from a file of at most 64 KiB.
    package static func readPublic(_ path: String) throws -> PublicKey {
        try PublicKey(pem: try FileSystem.read(path, limit: PEMBlock.limitBytes), source: path)
    }

    /// Reads trusted root certificates from a PEM file of at most 64 KiB.
    package static func readCertificates(_ path: String) throws -> [Certificate] {
        try Certificate.parse(pem: try FileSystem.read(path, limit: PEMBlock.limitBytes), source: path)
    }

    private static func isKeyFileExists(_ error: any Error) -> Bool {
        if case CryptoError.keyFileExists = error { true } else { false }
    }

    /// Makes a file that was not there, whole or not at all, whenever this program is killed; the mode holds whatever the
    /// umask.
    private static func create(_ path: String, mode: mode_t, content: [UInt8]) throws {
        let random = String(UInt64.random(in: .min ... .max), radix: 36)
        let unfinished = FileSystem.join(FileSystem.parent(of: path), ".key.\(random).tmp")
        do {
            try fill(unfinished, mode: mode, content: content)
        } catch FileError.failed(let operation, _, let code) {
            // Nobody asked for the temporary name.
            throw FileError.failed(operation: operation, path: path, code: code)
        }
        // Unlike a new name, a link is given only where nothing is.
        let code = link(unfinished, path) == 0 ? 0 : errno
        try FileSystem.removeFile(unfinished)
        switch code {
        case 0: return
        case EEXIST: throw CryptoError.keyFileExists(path: path)
        // File systems of sticks have no links.
        case EPERM, EOPNOTSUPP, ENOSYS: try fill(path, mode: mode, content: content)
        default: throw FileError.failed(operation: FileError.create, path: path, code: code)
        }
    }

    /// Removes the file again where it can't be filled.
    private static func fill(_ path: String, mode: mode_t, content: [UInt8]) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            let code = errno
            if code == EEXIST { throw CryptoError.keyFileExists(path: path) }
            throw FileError.failed(operation: FileError.create, path: path, code: code)
        }
        let file = File(descriptor: descriptor, path: path)
        do {
            guard fchmod(descriptor, mode) == 0 else {
                throw FileError.failed(operation: "set the mode of", path: path, code: errno)
            }
            try file.write(content)
            try file.synchronize()
        } catch {
            try? FileSystem.removeFile(path)
            throw error
        }
    }
}
