internal import CZstd
package import Diagnostics

/// What libzstd refused.
package enum ZstdError: ExplainedError, Equatable {
    /// A call failed; `reason` is the library's own name for it.
    case failed(String)
    /// A frame decompresses to more than its reader allows.
    case tooLarge(limit: Int)
    /// The input ended inside a frame.
    case truncated

    package var message: String {
        switch self {
        case .failed(let reason): "zstd: \(reason)"
        case .tooLarge(let limit): "a zstd frame holds more than the \(limit) bytes it may"
        case .truncated: "a zstd frame is cut off"
        }
    }

    package var exitCode: ExitCode { .dataError }
}

/// The version of the libzstd in use, such as 1.5.4. Another version may make other bytes of the same content.
package var zstdVersion: String { String(cString: ZSTD_versionString()) }

/// Makes one zstd frame of each piece of data: content size in the header, no checksum (our digests do that).
///
/// Not to be shared between threads at once.
package final class ZstdCompressor: @unchecked Sendable {
    private let context: OpaquePointer

    /// `level` as zstd's own, 1 to 19.
    package init(level: Int32) throws(ZstdError) {
        guard let context = ZSTD_createCCtx() else { throw .failed("out of memory") }
        self.context = context
        try set(ZSTD_c_compressionLevel, level)
        try set(ZSTD_c_contentSizeFlag, 1)
        try set(ZSTD_c_checksumFlag, 0)
    }

    deinit { ZSTD_freeCCtx(context) }

    private func set(_ parameter: ZSTD_cParameter, _ value: Int32) throws(ZstdError) {
        try check(ZSTD_CCtx_setParameter(context, parameter, value))
    }

    /// Replaces what `frame` holds with one frame of `bytes`.
    package func compress(_ bytes: UnsafeRawBufferPointer, into frame: inout [UInt8]) throws(ZstdError) {
        let bound = ZSTD_compressBound(bytes.count)
        if frame.count < bound { frame.append(contentsOf: repeatElement(0, count: bound - frame.count)) }
        let written = frame.withUnsafeMutableBytes { output in
            ZSTD_compress2(context, output.baseAddress, output.count, bytes.baseAddress, bytes.count)
        }
        try check(written)
        frame.removeLast(frame.count - written)
    }
}

/// Decompresses frames one after another from input that arrives in pieces, in constant memory.
///
/// Not to be shared between threads at once.
package final class ZstdDecompressor {
    private let context: OpaquePointer

    /// `windowLog`: the largest window (log2 bytes) a frame may ask for; our frames never need more than 2^21.
    package init(windowLog: Int32 = 21) throws(ZstdError) {
        guard let context = ZSTD_createDCtx() else { throw .failed("out of memory") }
        self.context = context
        try check(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, windowLog))
    }

    deinit { ZSTD_freeDCtx(context) }

    /// What one step did.
    package struct Step {
        /// Bytes taken from the input.
        package let consumed: Int
        /// Bytes written to the output.
        package let produced: Int
        /// True when a frame ended exactly here and was written out whole.
        package let endedFrame: Bool
    }

    /// Takes what it can of `input` and writes what it can to `output`. Skippable frames pass without output.
    package func step(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(ZstdError) -> Step {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = ZSTD_decompressStream(context, &target, &source)
        try check(left)
        return Step(consumed: source.pos, produced: target.pos, endedFrame: left == 0)
    }

    /// Forgets a frame begun and not ended.
    package func reset() { ZSTD_DCtx_reset(context, ZSTD_reset_session_only) }

    /// Decompresses exactly one whole frame. Throws `tooLarge` rather than write more than `limit` bytes.
    package func decompress(
        frame: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(ZstdError) -> Int {
        let written = ZSTD_decompressDCtx(context, output.baseAddress, output.count, frame.baseAddress, frame.count)
        if ZSTD_isError(written) != 0, ZSTD_getErrorCode(written) == ZSTD_error_dstSize_tooSmall {
            throw .tooLarge(limit: output.count)
        }
        try check(written)
        return written
    }
}

private func check(_ result: Int) throws(ZstdError) {
    guard ZSTD_isError(result) == 0 else { throw .failed(String(cString: ZSTD_getErrorName(result))) }
}
