internal import FileSystem

/// Where the bytes of an archive come from, range by range: a web server, a file. A port; HTTP is not known here.
package protocol RangeSource: AnyObject {
    /// What messages call the archive: its path or address.
    var name: String { get }
    /// Bytes of the archive, as its reader was told or the source found.
    var size: Int { get }

    /// Hands the `count` bytes from `offset` to `sink`, in order and as they arrive, in pieces of any size.
    ///
    /// One call is one single-range request. An implementation over HTTP takes nothing but a 206 whose Content-Range is
    /// the one asked for: some servers answer a range with 200 and the whole file. It may give fewer bytes and return:
    /// its caller counts. It throws on what `sink` throws, and may throw errors of its own.
    func read(offset: Int, count: Int, into sink: (UnsafeRawBufferPointer) throws -> Void) throws
}

/// A source that knows what it moved: with a cache it moves less than it gives, from a server without ranges more.
package protocol MeteredSource: RangeSource {
    /// Bytes that came over the wire, and requests, since the last call.
    func takeTransfer() -> (bytes: Int, requests: Int)
}

/// An archive on this machine: a local repository, a stick, a test.
package final class FileRangeSource: RangeSource {
    private let file: File
    private let pieceBytes: Int
    package let size: Int

    package var name: String { file.path }

    /// Opens the archive at `path`; it is handed on in pieces of at most `pieceBytes`.
    package init(_ path: String, pieceBytes: Int = 1 << 18) throws {
        let file = try File.open(path)
        size = try file.status().size
        self.file = file
        self.pieceBytes = max(1, pieceBytes)
    }

    package func read(offset: Int, count: Int, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(count, pieceBytes), alignment: 16)
        defer { buffer.deallocate() }
        // What lies behind the end isn't there to be given.
        let end = min(offset + count, size)
        var position = offset
        while position < end {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, end - position)])
            try file.readFully(at: position, into: piece)
            try sink(UnsafeRawBufferPointer(piece))
            position += piece.count
        }
    }
}
