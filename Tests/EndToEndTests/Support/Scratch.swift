import FileSystem
import Glibc

/// A folder for one test, removed with the last reference.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/edge-e2e-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(operation: "mkdtemp", code: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileSystem.removeTree(path) }

    /// The path of something in it.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// Every file and folder in it, with the size of files, in the order of their paths.
    func listing() throws -> [String] { try Self.listing(path) }

    static func listing(_ folder: String, below prefix: String = "") throws -> [String] {
        var found: [String] = []
        for name in try FileSystem.names(in: folder) {
            guard let status = try FileSystem.status(of: "\(folder)/\(name)") else { continue }
            if status.kind == .directory {
                found.append("\(prefix)\(name)/")
                found += try listing("\(folder)/\(name)", below: "\(prefix)\(name)/")
            } else {
                found.append("\(prefix)\(name) \(status.size)")
            }
        }
        return found
    }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try FileSystem.createDirectories(FileSystem.parent(of: self(name)))
        try FileSystem.write(Array(text.utf8), to: self(name))
        return self(name)
    }

    func folder(_ name: String) throws -> String {
        try FileSystem.createDirectories(self(name))
        return self(name)
    }

    /// A copy of a file or folder under a name here.
    @discardableResult
    func copy(_ source: String, as name: String) throws -> String {
        try Programs.succeed("/bin/cp", ["-a", source, self(name)])
        return self(name)
    }

    /// Changes a text file; `old` must be in it, or the test would test nothing.
    func edit(_ name: String, replacing old: String, with new: String) throws {
        let text = String(decoding: try FileSystem.read(self(name), limit: 1 << 24), as: UTF8.self)
        let parts = text.split(separator: old, omittingEmptySubsequences: false)
        guard parts.count > 1 else { throw POSIXError(operation: "find \(old) in \(name)", code: ENOENT) }
        try FileSystem.write(Array(parts.joined(separator: new).utf8), to: self(name))
    }

    /// Changes one byte of a file.
    func flip(_ name: String, at offset: Int) throws {
        var bytes = try FileSystem.read(self(name), limit: 1 << 30)
        bytes[offset] ^= 1
        try FileSystem.write(bytes, to: self(name))
    }
}

/// A system call of the tests that failed.
struct POSIXError: Error, CustomStringConvertible {
    let operation: String
    let code: Int32
    var description: String { "\(operation): \(String(cString: strerror(code)))" }
}
