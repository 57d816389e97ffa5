internal import CZlib
package import Diagnostics

/// Why bytes are no gzip, or none that is taken.
package enum GzipError: ExplainedError, Equatable {
    /// No gzip, damaged, or something else behind it; `reason` is the library's own.
    case damaged(String)
    /// The bytes end before the content does.
    case truncated
    /// The content is longer than its reader allows.
    case tooLarge(limitBytes: Int)

    package var message: String {
        switch self {
        case .damaged(let reason): "gzip: \(reason)"
        case .truncated: "gzip: the data ends early"
        case .tooLarge(let limit): "gzip: the content is longer than the \(limit) bytes that are read of it"
        }
    }

    package var exitCode: ExitCode { .dataError }
}

/// Content as HTTP's `Content-Encoding: gzip` carries it (RFC 1952).
package enum Gzip {
    /// One member. Its header holds no time and no name, so that the same bytes always give the same bytes.
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        let stream = Stream()
        // 31: a window of 2^15 bytes, and gzip around it. 8: zlib's own default of memory.
        let begun = deflateInit2_(
            stream.pointer,
            Z_DEFAULT_COMPRESSION,
            Z_DEFLATED,
            31,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        // Arguments are constant: it fails only where Swift's own allocations trap.
        guard begun == Z_OK else { fatalError("out of memory") }
        defer { deflateEnd(stream.pointer) }
        var packed: [UInt8] = []
        stream.read(bytes) { isLast in
            repeat {
                stream.write(upTo: Int.max, to: &packed) { deflate(stream.pointer, isLast ? Z_FINISH : Z_NO_FLUSH) }
            } while stream.filledItsRoom
            return true
        }
        return packed
    }

    /// The content of one member, or of several in a row.
    ///
    /// - Parameter limitBytes: what is longer is `tooLarge`; no more than that is ever unpacked.
    /// - Throws: `damaged` too where anything follows the last member, zeros included.
    package static func decompress(_ bytes: [UInt8], limitBytes: Int) throws(GzipError) -> [UInt8] {
        let stream = Stream()
        guard inflateInit2_(stream.pointer, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .damaged("out of memory")
        }
        defer { inflateEnd(stream.pointer) }
        var content: [UInt8] = []
        var failure: GzipError?
        var isBetweenMembers = false
        stream.read(bytes) { _ in
            repeat {
                if isBetweenMembers {
                    guard stream.hasInput else { return true }
                    inflateReset(stream.pointer)
                    isBetweenMembers = false
                }
                // One byte more than is allowed tells a content that ends at the limit from a longer one.
                let room = limitBytes - content.count
                var result = Z_OK
                stream.write(upTo: max(room, 0) + (room < Int.max ? 1 : 0), to: &content) {
                    result = inflate(stream.pointer, Z_NO_FLUSH)
                    return result
                }
                guard content.count <= limitBytes else {
                    failure = .tooLarge(limitBytes: limitBytes)
                    return false
                }
                switch result {
                case Z_STREAM_END: isBetweenMembers = true
                case Z_OK, Z_BUF_ERROR: break
                default:
                    failure = .damaged(stream.problem ?? "damaged data")
                    return false
                }
            } while isBetweenMembers ? stream.hasInput : stream.hasInput || stream.filledItsRoom
            return true
        }
        if let failure { throw failure }
        guard isBetweenMembers else { throw .truncated }
        return content
    }
}

/// A `z_stream` that stays where it is, as zlib demands.
private final class Stream {
    let pointer: UnsafeMutablePointer<z_stream>
    /// Whether the last call may have had more to write.
    private(set) var filledItsRoom = false

    private static let pieceBytes = 64 << 10

    init() {
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: z_stream())
    }

    deinit { pointer.deallocate() }

    var hasInput: Bool { pointer.pointee.avail_in > 0 }

    var problem: String? { pointer.pointee.msg.map { String(cString: $0) } }

    /// Lends the bytes to the stream, in pieces that zlib can count, until `body` has enough.
    func read(_ bytes: [UInt8], _ body: (_ isLast: Bool) -> Bool) {
        // zlib only reads there, though its header says otherwise.
        bytes.withUnsafeBufferPointer { buffer in
            var offset = 0
            repeat {
                let count = min(buffer.count - offset, 1 << 30)
                pointer.pointee.next_in = buffer.baseAddress.map { UnsafeMutablePointer(mutating: $0 + offset) }
                pointer.pointee.avail_in = UInt32(count)
                offset += count
                guard body(offset == buffer.count) else { break }
            } while offset < buffer.count
            pointer.pointee.next_in = nil
            pointer.pointee.avail_in = 0
        }
    }

    /// Appends what one call of zlib writes, at most `limit` bytes.
    func write(upTo limit: Int, to output: inout [UInt8], _ call: () -> Int32) {
        let room = min(limit, Self.pieceBytes)
        output.append(
            contentsOf: [UInt8](unsafeUninitializedCapacity: room) { piece, count in
                pointer.pointee.next_out = piece.baseAddress
                pointer.pointee.avail_out = UInt32(room)
                _ = call()
                count = room - Int(pointer.pointee.avail_out)
                filledItsRoom = count == room
            }
        )
    }
}
