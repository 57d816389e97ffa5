internal import FileSystem
internal import HTTPClient

/// A file of a repository of which parts can be asked for. A port.
protocol RemoteFile: AnyObject {
    /// What messages call it.
    var name: String { get }

    /// Asks for bytes of the file, which is known to have `size`. `begin` is told first where the bytes begin that then
    /// go to `sink`: at the range's first byte, or at 0 where the other side knows no ranges and gives the whole file.
    ///
    /// It may give fewer bytes and return: its caller counts.
    func read(
        _ range: Range<Int>,
        ofSize size: Int,
        begin: (Int) throws -> Void,
        into sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws
}

/// A file behind a URL.
final class HTTPRemoteFile: RemoteFile {
    let name: String
    private let client: HTTPClient

    init(_ url: String, client: HTTPClient) {
        name = url
        self.client = client
    }

    func read(
        _ range: Range<Int>,
        ofSize size: Int,
        begin: (Int) throws -> Void,
        into sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let isWhole = range == 0..<size
        let name = name
        let response: HTTPClientResponse
        do {
            response = try client.get(
                name,
                range: isWhole ? nil : range,
                // Of an answer to a range, what counts the bytes is the caller.
                limitBytes: size,
                begin: { head in
                    if head.status == 200 { return try begin(0) }
                    guard let part = head.part else {
                        let problem = "the server answered \(head.status) without saying which bytes it gives"
                        throw ContentError.noAnswer(url: name, problem: problem)
                    }
                    guard part.of == size else {
                        throw ContentError.otherFile(url: name, problem: "it has \(part.of) bytes, not \(size)")
                    }
                    guard part.bytes == range else {
                        let problem = "the server was asked for bytes \(range) and gives \(part.bytes)"
                        throw ContentError.noAnswer(url: name, problem: problem)
                    }
                    try begin(part.bytes.lowerBound)
                },
                receive: sink
            )
        } catch HTTPClientError.tooLarge {
            throw ContentError.otherFile(url: name, problem: "it has more than \(size) bytes")
        }
        guard [200, 206].contains(response.status) else {
            if response.status == 416 {
                throw ContentError.otherFile(url: name, problem: "it is shorter than \(size) bytes")
            }
            throw ContentError.noAnswer(url: name, problem: "the server answered \(response.status)")
        }
    }
}

/// A file in a repository on this machine: a mounted share, a stick.
final class LocalRemoteFile: RemoteFile {
    let name: String

    init(_ path: String) { name = path }

    func read(
        _ range: Range<Int>,
        ofSize size: Int,
        begin: (Int) throws -> Void,
        into sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard try FileSystem.statusFollowingLinks(of: name) != nil else { throw ContentError.notThere(path: name) }
        let file = try File.open(name)
        let found = try file.status().size
        guard found == size else {
            throw ContentError.otherFile(url: name, problem: "it has \(found) bytes, not \(size)")
        }
        try begin(range.lowerBound)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(range.count, 1 << 18), alignment: 16)
        defer { buffer.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let count = min(buffer.count, range.upperBound - position)
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try file.readFully(at: position, into: piece)
            try sink(UnsafeRawBufferPointer(piece))
            position += count
        }
    }
}

/// Where a repository's files are: behind a URL, or in a folder.
package struct RepositoryBase: Sendable {
    /// A URL with or without a slash at its end, or the path of a folder.
    package let location: String

    package init(_ location: String) { self.location = location }

    package var isRemote: Bool { location.hasPrefix("http://") || location.hasPrefix("https://") }

    /// - Parameter path: relative to the base; of characters that a URL needs not encode.
    func file(_ path: String) throws -> any RemoteFile {
        let whole = location.hasSuffix("/") ? location + path : "\(location)/\(path)"
        guard isRemote else { return LocalRemoteFile(whole) }
        var configuration = HTTPClientConfiguration()
        configuration.userAgent = "edgeagent-sync"
        return HTTPRemoteFile(whole, client: try HTTPClient(configuration))
    }
}
