package import Diagnostics
internal import FileSystem
internal import Glibc

/// Where files of a repository come from: one base for metadata, or one for targets.
package protocol RepositoryTransport {
    /// Hands a file's bytes over as they come. Throws `TransportError`, or what `receive` throws, which ends the transfer.
    ///
    /// - Parameter limitBytes: the most that may be handed over; a larger file is `tooLarge`, as early as that is known.
    func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws
}

/// Why a file did not come.
package enum TransportError: ExplainedError, Equatable {
    /// There is no such file, as far as the source tells: 404, and 403, which is what S3 answers to those who may not
    /// list.
    case notFound(String)
    /// It is larger than what is read of it.
    case tooLarge(String, limitBytes: Int)
    /// The source can't be reached or doesn't work; it may say when to come again.
    case unavailable(String, reason: String, retryAfter: Duration?)

    package var message: String {
        switch self {
        case .notFound(let file): "there is no \(file)"
        case .tooLarge(let file, let limitBytes): "\(file) is larger than the \(limitBytes) bytes that are read of it"
        case .unavailable(let file, let reason, let retryAfter):
            "can't fetch \(file): \(reason)" + (retryAfter.map { " (try again in \(Quantity.readable($0)))" } ?? "")
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notFound: .unavailable
        case .tooLarge: .dataError
        case .unavailable: .tryAgain
        }
    }
}

extension RepositoryTransport {
    /// The whole file. The limit holds whatever the transport does.
    package func bytes(of path: RepositoryPath, limitBytes: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try fetch(path, limitBytes: limitBytes) { piece in
            guard bytes.count + piece.count <= limitBytes else {
                throw TransportError.tooLarge(path.description, limitBytes: limitBytes)
            }
            bytes.append(contentsOf: piece)
        }
        return bytes
    }
}

/// A repository in a folder: on a stick, in an inbox, on the machine that makes it.
package struct DirectoryTransport: RepositoryTransport {
    private let folder: String

    package init(_ folder: String) { self.folder = folder }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let relative = path.filePath else { throw TransportError.notFound(path.description) }
        let place = FileSystem.join(folder, relative)
        guard try exists(place) else { throw TransportError.notFound(place) }
        let file = try File.open(place)
        guard try file.status().size <= limitBytes else {
            throw TransportError.tooLarge(place, limitBytes: limitBytes)
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        var left = limitBytes
        // A file may grow while it is read: no more than the limit is handed over.
        while left > 0, case let count = try file.read(into: buffer), count > 0 {
            let piece = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<min(count, left)])
            try receive(piece)
            left -= piece.count
        }
    }

    private func exists(_ place: String) throws(FileError) -> Bool {
        do throws(FileError) {
            return try FileSystem.statusFollowingLinks(of: place) != nil
        } catch .failed(_, _, ENAMETOOLONG) {
            return false
        }
    }
}
