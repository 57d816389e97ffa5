internal import BundleFormat

/// A remote archive through what was fetched of it before: nothing is fetched twice, and all that comes is kept.
final class RecordingSource: MeteredSource {
    private let partial: PartialFile
    private let remote: any RemoteFile
    private var movedBytes = 0
    private var movedRequests = 0

    /// In all, over the wire.
    private(set) var totalBytes = 0
    private(set) var totalRequests = 0
    /// Whether anything was given that an earlier call had fetched.
    private(set) var usedKept = false
    /// Told all bytes that came so far.
    var progress: (Int) -> Void = { _ in }

    var name: String { remote.name }
    var size: Int { partial.size }

    init(_ partial: PartialFile, remote: any RemoteFile) {
        self.partial = partial
        self.remote = remote
    }

    func takeTransfer() -> (bytes: Int, requests: Int) {
        defer { (movedBytes, movedRequests) = (0, 0) }
        return (movedBytes, movedRequests)
    }

    func read(offset: Int, count: Int, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let end = offset + count
        var position = offset
        while position < end {
            if let held = partial.held.span(at: position) {
                usedKept = true
                let stop = min(held.upperBound, end)
                try partial.read(position..<stop, into: sink)
                position = stop
                continue
            }
            let stop = partial.held.next(behind: position, before: end)
            let reached = try fetch(position..<stop, into: sink)
            // A side that ends early is told by whoever counts the bytes.
            guard reached > position else { return }
            position = reached
        }
    }

    /// Fetches bytes that are missing; returns where those end that were handed on.
    private func fetch(_ range: Range<Int>, into sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Int {
        var position = range.lowerBound
        var wanted = range.lowerBound
        movedRequests += 1
        totalRequests += 1
        do {
            try remote.read(range, ofSize: size) { start in
                position = start
            } into: { bytes in
                movedBytes += bytes.count
                totalBytes += bytes.count
                let span = position..<position + bytes.count
                guard span.upperBound <= size else {
                    throw ContentError.otherFile(url: name, problem: "it has more than \(size) bytes")
                }
                // More than was asked for comes only where the whole file does, and then it is of use later.
                try partial.write(bytes, at: position)
                position = span.upperBound
                progress(totalBytes)
                let useful = span.clamped(to: wanted..<range.upperBound)
                if !useful.isEmpty, useful.lowerBound == wanted {
                    let first = useful.lowerBound - span.lowerBound
                    try sink(UnsafeRawBufferPointer(rebasing: bytes[first..<first + useful.count]))
                    wanted = useful.upperBound
                }
            }
            try partial.flush()
        } catch {
            // What came is kept; why no more came is what matters.
            try? partial.flush()
            throw error
        }
        return wanted
    }
}

/// An archive of which parts were fetched, and nothing else: where a byte is missing, it says so.
final class FetchedSource: RangeSource {
    private let partial: PartialFile

    let name: String
    var size: Int { partial.size }

    init(_ partial: PartialFile, name: String) {
        self.partial = partial
        self.name = name
    }

    func read(offset: Int, count: Int, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let span = offset..<offset + count
        guard partial.held.contains(span) else {
            let missing = partial.held.span(at: offset)?.upperBound ?? offset
            throw ContentError.notFetched(name: name, offset: missing)
        }
        try partial.read(span, into: sink)
    }
}
