internal import CScriptWorker
internal import Glibc

/// Puts frames together from what comes out of the worker's socket, piece by piece and without ever waiting: a worker
/// that sends half a frame must not hold up whoever reads. Used by one thread.
final class ScriptFrameReader {
    private let payloadLimitBytes: Int
    private var buffer: [UInt8] = []
    private var descriptors: [Int32] = []

    init(payloadLimitBytes: Int) {
        self.payloadLimitBytes = payloadLimitBytes
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    /// What one look into the socket found.
    enum Progress {
        case frames([ScriptFrame])
        /// The other side has closed the socket.
        case end
    }

    /// Takes what is in the socket now, at most one frame's worth, and returns the frames that are complete.
    func receive(from socket: Int32) throws(ScriptProtocolViolation) -> Progress {
        var passed = [Int32](repeating: -1, count: Int(script_channel_descriptors))
        var passedCount: Int32 = 0
        let count = withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 1) { room in
            let count = script_channel_receive(socket, room.baseAddress, room.count, &passed, &passedCount)
            if count > 0 { buffer.append(contentsOf: room.prefix(count)) }
            return count
        }
        descriptors.append(contentsOf: passed.prefix(Int(passedCount)))
        if count == 0 { return .end }
        if count < 0 {
            let errno = Int32(-count)
            if errno == EAGAIN { return .frames([]) }
            // A worker killed with unread data in its socket resets it.
            if errno == ECONNRESET { return .end }
            throw .receiveFailed(errno: errno)
        }
        return .frames(try completeFrames())
    }

    private func completeFrames() throws(ScriptProtocolViolation) -> [ScriptFrame] {
        var frames: [ScriptFrame] = []
        var start = 0
        while buffer.count - start >= 4 {
            let length = Int(buffer.littleEndian(UInt32.self, at: start))
            guard (ScriptProtocol.fixedBytes...ScriptProtocol.frameLimitBytes).contains(length) else {
                throw .frameLength(length)
            }
            guard buffer.count - start - 4 >= length else { break }
            frames.append(try frame(in: start + 4..<start + 4 + length))
            start += 4 + length
        }
        buffer.removeFirst(start)
        // A descriptor comes with its frame's first byte: with nothing begun, none may be waiting.
        if descriptors.count > (buffer.isEmpty ? 0 : 1) { throw .descriptorUnexpected }
        return frames
    }

    private func frame(in range: Range<Int>) throws(ScriptProtocolViolation) -> ScriptFrame {
        let start = range.lowerBound
        let rawKind = buffer[start]
        guard let kind = ScriptFrameKind(rawValue: rawKind & ~ScriptFrameKind.inDescriptor) else {
            throw .unknownKind(rawKind)
        }
        let identifier = buffer.littleEndian(UInt64.self, at: start + 1)
        let metaLength = Int(buffer.littleEndian(UInt32.self, at: start + 9))
        let metaStart = start + ScriptProtocol.fixedBytes
        guard metaLength <= ScriptProtocol.metaLimitBytes, metaLength <= range.upperBound - metaStart else {
            throw .metaLength(metaLength)
        }
        let payloadStart = metaStart + metaLength
        var payload = Array(buffer[payloadStart..<range.upperBound])
        if rawKind & ScriptFrameKind.inDescriptor != 0 {
            guard payload.count == MemoryLayout<UInt64>.size else { throw .frameLength(range.count) }
            payload = try takePayload(declared: payload.littleEndian(UInt64.self, at: 0))
        }
        let meta = Array(buffer[metaStart..<payloadStart])
        return ScriptFrame(kind: kind, requestIdentifier: identifier, meta: meta, payload: payload)
    }

    private func takePayload(declared: UInt64) throws(ScriptProtocolViolation) -> [UInt8] {
        guard !descriptors.isEmpty else { throw .descriptorMissing }
        let descriptor = descriptors.removeFirst()
        defer { close(descriptor) }
        guard declared <= UInt64(payloadLimitBytes) else { throw .payloadOverLimit(declared) }
        let size = script_sealed_size(descriptor)
        guard size >= 0 else { throw .descriptorUnusable(errno: errno) }
        guard UInt64(size) == declared else { throw .payloadSize(declared: declared, found: size) }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { room, filled in
            while filled < room.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(room)[filled...])
                let count = pread(descriptor, rest.baseAddress, rest.count, off_t(filled))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    failure = count < 0 ? errno : EIO
                    return
                }
                filled += count
            }
        }
        guard failure == 0 else { throw .descriptorUnusable(errno: failure) }
        return bytes
    }
}

extension [UInt8] {
    /// The caller has checked that the bytes are there.
    fileprivate func littleEndian<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value {
        withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }
}
