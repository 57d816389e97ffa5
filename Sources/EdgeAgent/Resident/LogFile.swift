internal import FileSystem
internal import Glibc

/// What runtimes print, in a file that is never longer than it may be.
enum LogFile {
    private static let limit = 1 << 20
    private static let kept = 64 << 10

    /// For a new runtime: appended to, so that what ended the last one is still there; cut where it has grown.
    ///
    /// On a disk that can't be written what it prints is lost, and nothing else: a log is no reason not to serve.
    static func open(_ path: String) throws(FileError) -> Int32 {
        if let status = try? FileSystem.status(of: path), status.size > limit {
            do throws(FileError) {
                try FileSystem.write(try tail(of: path), to: path, mode: 0o600)
            } catch {
                _ = truncate(path, 0)
            }
        }
        for (path, flags) in [(path, O_CREAT | O_APPEND), ("/dev/null", 0)] {
            let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC | flags, 0o600)
            if descriptor >= 0 { return descriptor }
        }
        throw FileError.failed(operation: "open", path: path, code: errno)
    }

    /// Cuts a file that a runtime writes to: its end is put beside it, and the runtime goes on at the start.
    static func trim(_ path: String) {
        guard let status = try? FileSystem.status(of: path), status.size > limit, let end = try? tail(of: path) else {
            return
        }
        try? FileSystem.write(end, to: path + ".old", mode: 0o600)
        _ = truncate(path, 0)
    }

    static func tail(of path: String) throws(FileError) -> [UInt8] {
        let file = try File.open(path)
        let size = try file.status().size
        let start = max(0, size - kept)
        return try file.bytes(at: start, count: size - start)
    }

    /// The last line that says something, for a message; an `error:` line before others.
    static func lastLine(of path: String) -> String? {
        guard let bytes = try? tail(of: path) else { return nil }
        let lines = bytes.split(separator: UInt8(ascii: "\n")).suffix(20)
        let error = lines.last { $0.starts(with: Array("error: ".utf8)) }
        return (error ?? lines.last).map { String(decoding: $0.prefix(400), as: UTF8.self) }
    }
}
