internal import Digest
internal import FileSystem
internal import Glibc
internal import Zstd

/// Takes the frames of an archive one after another from a file that is read from front to back.
struct FrameScanner: ~Copyable {
    private let file: File
    /// Bytes read and not yet taken: `start ..< end` of the memory.
    private var memory: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    /// Byte of the file at which the next frame starts.
    private(set) var offset = 0
    private var digest = SHA256()

    var path: String { file.path }

    init(_ file: consuming File) {
        self.file = file
        memory = .allocate(byteCount: 1 << 18, alignment: 16)
    }

    deinit { memory.deallocate() }

    /// Takes the next frame of at most `limit` bytes; nil at the end of the file.
    mutating func next(limit: Int) throws -> [UInt8]? {
        var wanted = min(limit, 1 << 16)
        while true {
            try fill(wanted)
            let available = UnsafeRawBufferPointer(rebasing: memory[start..<end])
            if available.isEmpty { return nil }
            let size: Int?
            do throws(ZstdError) {
                size = try zstdFrameSize(available)
            } catch {
                // RFC 8878, 3.1.1: what begins otherwise is another kind of file, not a damaged one.
                guard offset > 0 || available.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) else {
                    throw malformed("it is no zstd archive")
                }
                throw BundleError.zstd(path: path, offset: offset, error)
            }
            if let size {
                guard size <= limit else { throw malformed("a frame of \(size) bytes where \(limit) are the most") }
                return take(size)
            }
            guard !isAtEnd else { throw BundleError.truncated(path: path, at: offset + available.count) }
            guard wanted < limit else { throw malformed("a frame of more than \(limit) bytes") }
            wanted = min(limit, wanted * 4)
        }
    }

    /// The digest of all bytes taken so far; begins anew.
    mutating func takeDigest() -> SHA256Digest {
        var finished = SHA256()
        swap(&finished, &digest)
        return finished.finalize()
    }

    func malformed(_ problem: String) -> BundleError { .malformed(path: path, offset: offset, problem: problem) }

    private mutating func take(_ size: Int) -> [UInt8] {
        let bytes = UnsafeRawBufferPointer(rebasing: memory[start..<start + size])
        digest.update(bytes)
        start += size
        offset += size
        return Array(bytes)
    }

    /// Reads until `count` bytes are there or the file has ended.
    private mutating func fill(_ count: Int) throws {
        guard end - start < count, !isAtEnd else { return }
        let kept = end - start
        if count > memory.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 2, alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[start..<end]))
            memory.deallocate()
            memory = larger
        } else if kept > 0, let base = memory.baseAddress {
            memmove(base, base + start, kept)
        }
        start = 0
        end = kept
        while end < count, !isAtEnd {
            let got = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[end...]))
            end += got
            isAtEnd = got == 0
        }
    }
}
