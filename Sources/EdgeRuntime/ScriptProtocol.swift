// The protocol between the runtime and the worker that runs a scoring script: frames over a socket pair (AF_UNIX,
// SOCK_STREAM). The other side is Sources/CScriptWorker/worker.py; both come out of one build, so there is no version.
//
//     u32 length of what follows | u8 kind | u64 request id | u32 meta length | meta (JSON) | payload
//
// All integers are little endian. A payload of more than 64 KiB is not in the frame: bit 7 of the kind is set, the
// payload part is a u64 with its size, and the bytes are in a memory file (memfd_create) that travels beside the frame's
// first byte (SCM_RIGHTS) and is sealed against shrinking, growing and writing. It has no name that could be left
// behind, and goes away with its last descriptor however a process ends.
//
// | kind | name      | from    | request id | meta                                                      | payload |
// |------|-----------|---------|------------|-----------------------------------------------------------|---------|
// | 1    | configure | runtime | 0          | script, code_folder, site_packages[], payload_limit_bytes | -       |
// | 2    | ready     | worker  | 0          | python, init_seconds, takes_headers, packages{}           | -       |
// | 3    | failed    | worker  | 0          | step (load or init), kind, message, traceback, line?      | -       |
// | 4    | request   | runtime | its own    | method, query?, headers[[name, value]]?                   | body    |
// | 5    | reply     | worker  | the same   | status, run_ms?, message?                                 | body    |
// | 6    | log       | worker  | the same   | message, traceback, line?                                 | -       |
// | 7    | stop      | runtime | 0          | -                                                         | -       |
//
// `configure` comes first and is answered by `ready` or `failed`. Then there is one request at a time; its `log`
// frames come before its `reply`. `stop`, or the end of the stream, ends the worker in order. Whatever breaks these
// rules ends the worker at once: the runtime trusts it no more than the script that shares its process.

internal import CScriptWorker
internal import Glibc

enum ScriptFrameKind: UInt8 {
    case configure = 1
    case ready, failed, request, reply, log, stop

    static let inDescriptor: UInt8 = 0x80
}

enum ScriptProtocol {
    static let inlinePayloadLimitBytes = 64 << 10
    static let metaLimitBytes = 256 << 10
    /// Of the part after the length: kind, request id and length of meta.
    static let fixedBytes = 1 + 8 + 4
    static let frameLimitBytes = fixedBytes + metaLimitBytes + inlinePayloadLimitBytes
}

/// A frame from the worker.
struct ScriptFrame: Equatable {
    let kind: ScriptFrameKind
    let requestIdentifier: UInt64
    let meta: [UInt8]
    let payload: [UInt8]
}

/// What a worker did that no worker of ours does.
enum ScriptProtocolViolation: Error, Equatable {
    case frameLength(Int)
    case metaLength(Int)
    case unknownKind(UInt8)
    case unexpectedKind(ScriptFrameKind)
    case malformedMeta(ScriptFrameKind)
    case descriptorMissing
    case descriptorUnexpected
    case descriptorUnusable(errno: Int32)
    case payloadSize(declared: UInt64, found: Int64)
    case payloadOverLimit(UInt64)
    case receiveFailed(errno: Int32)

    var explanation: String {
        switch self {
        case .frameLength(let count): "it sent a frame of \(count) bytes"
        case .metaLength(let count): "it sent meta of \(count) bytes, longer than its frame or the limit"
        case .unknownKind(let kind): "it sent a frame of the unknown kind \(kind)"
        case .unexpectedKind(let kind): "it sent a \(kind) frame out of turn"
        case .malformedMeta(let kind): "it sent a \(kind) frame with malformed meta"
        case .descriptorMissing: "it sent a frame without the descriptor that it announced"
        case .descriptorUnexpected: "it sent a descriptor that no frame announced"
        case .descriptorUnusable(let errno): "it sent a payload that is not a sealed memory file (errno \(errno))"
        case .payloadSize(let declared, let found): "it announced a payload of \(declared) bytes and sent \(found)"
        case .payloadOverLimit(let count): "it sent a payload of \(count) bytes, more than the limit"
        case .receiveFailed(let errno): "reading from it failed (errno \(errno))"
        }
    }
}

/// A frame to the worker, laid out before it is its turn. A large payload is already in its memory file.
final class ScriptOutgoingFrame: Sendable {
    private let head: [UInt8]
    private let payload: [UInt8]
    private let descriptor: Int32?

    /// Throws the errno where there is no memory for a large payload.
    init(
        _ kind: ScriptFrameKind,
        requestIdentifier: UInt64,
        meta: [UInt8],
        payload: [UInt8] = []
    ) throws(ScriptSystemError) {
        let isLarge = payload.count > ScriptProtocol.inlinePayloadLimitBytes
        let payloadPart = isLarge ? MemoryLayout<UInt64>.size : payload.count
        var head: [UInt8] = []
        head.reserveCapacity(4 + ScriptProtocol.fixedBytes + meta.count + MemoryLayout<UInt64>.size)
        head.appendLittleEndian(UInt32(ScriptProtocol.fixedBytes + meta.count + payloadPart))
        head.append(kind.rawValue | (isLarge ? ScriptFrameKind.inDescriptor : 0))
        head.appendLittleEndian(requestIdentifier)
        head.appendLittleEndian(UInt32(meta.count))
        head.append(contentsOf: meta)
        if isLarge {
            let file = payload.withUnsafeBytes { script_sealed_memory("request", $0.baseAddress, $0.count) }
            guard file >= 0 else { throw ScriptSystemError(errno: errno) }
            head.appendLittleEndian(UInt64(payload.count))
            descriptor = file
            self.payload = []
        } else {
            descriptor = nil
            self.payload = payload
        }
        self.head = head
    }

    deinit {
        if let descriptor { close(descriptor) }
    }

    /// Sends it whole, without waiting. Returns 0 or an errno.
    func send(on socket: Int32) -> Int32 {
        head.withUnsafeBytes { head in
            payload.withUnsafeBytes { payload in
                script_channel_send(
                    socket,
                    head.baseAddress,
                    head.count,
                    payload.baseAddress,
                    payload.count,
                    descriptor ?? -1
                )
            }
        }
    }
}

/// A failed system call.
struct ScriptSystemError: Error, Equatable {
    let errno: Int32
}

extension [UInt8] {
    fileprivate mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
