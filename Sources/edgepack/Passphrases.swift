import CommandLine
import Crypto
import FileSystem
import Glibc
import Registry

/// Where passphrases come from.
enum Passphrases {
    /// Longer files are something else.
    private static let limitBytes = 4096

    /// Opens keys: the first line of the file that the command line names, else the answer at the terminal; nil where
    /// there is neither.
    static func source(_ arguments: ParsedArguments, _ terminal: Terminal) -> @Sendable (String) throws -> [UInt8]? {
        let file = arguments.ifDeclared(RegistryParameters.passphraseFile) ?? nil
        return { path in
            if let file { return try read(file) }
            return terminal.askSecret("passphrase of \(path): ")
        }
    }

    /// A new one: of the file, else typed twice at the terminal.
    static func new(of file: String?, for path: String, _ terminal: Terminal) throws -> [UInt8] {
        if let file { return try read(file) }
        guard let passphrase = terminal.askSecret("new passphrase for \(path): ") else {
            throw KeyError.noPassphrase(key: path)
        }
        guard terminal.askSecret("the same again: ") == passphrase else {
            throw CryptoError.badPassphrase(source: "the passphrase", problem: "is not the same both times")
        }
        return passphrase
    }

    /// The first line of a file, which may be a pipe: `--passphrase-file <(pass show root-key)`.
    private static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError.failed(operation: "open", path: path, code: errno) }
        let file = File(descriptor: descriptor, path: path)
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: limitBytes, alignment: 1)
        defer { buffer.deallocate() }
        while case let count = try file.read(into: buffer), count > 0 {
            bytes += buffer[..<count]
            guard bytes.count <= limitBytes else {
                throw FileError.tooLarge(path: path, bytes: bytes.count, limit: limitBytes)
            }
        }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard !line.isEmpty else { throw CryptoError.badPassphrase(source: path, problem: "holds no passphrase") }
        return Array(line)
    }
}
