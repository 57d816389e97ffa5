internal import CZstd
package import Diagnostics

/// What libzstd refused.
package enum ZstdError: ExplainedError, Equatable {
    /// A call failed; `reason` is the library's own name for it.
    case failed(String)
    /// A frame decompresses to more than its reader allows.
    case tooLarge(limit: Int)

    package var message: String {
        switch self {
        case .failed(let reason): "zstd: \(reason)"
        case .tooLarge(let limit): "a zstd frame holds more than the \(limit) bytes it may"
        }
    }

    package var exitCode: ExitCode { .dataError }
}

/// The version of the libzstd in use, such as 1.5.4. Another version may make other bytes of the same content.
package var zstdVersion: String { String(cString: ZSTD_versionString()) }

/// The size of the frame at the start of `bytes`, skippable or not; nil where more bytes are needed to tell.
package func zstdFrameSize(_ bytes: UnsafeRawBufferPointer) throws(ZstdError) -> Int? {
    let size = ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count)
    if ZSTD_isError(size) != 0, ZSTD_getErrorCode(size) == ZSTD_error_srcSize_wrong { return nil }
    try check(size)
    return size
}

/// The most bytes that a frame of `size` bytes of content takes.
package func zstdBound(_ size: Int) -> Int { ZSTD_compressBound(size) + 64 }

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

/// Decompresses whole frames into memory whose size the caller knows beforehand.
///
/// Not to be shared between threads at once.
package final class ZstdDecompressor {
    private let context: OpaquePointer

    package init() throws(ZstdError) {
        guard let context = ZSTD_createDCtx() else { throw .failed("out of memory") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Decompresses exactly one whole frame and returns the size of its content. Throws `tooLarge` rather than write
    /// more than `output` holds.
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

    /// The content of one whole frame, of at most `limit` bytes.
    package func decompress(frame: UnsafeRawBufferPointer, limit: Int) throws(ZstdError) -> [UInt8] {
        // The header's claim only sizes the memory; a frame without one, or with a wrong one, is held to the limit.
        let claimed = ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
        let capacity = claimed <= UInt64(limit) ? Int(claimed) : limit
        var failure: ZstdError?
        let content = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            do throws(ZstdError) {
                count = try decompress(frame: frame, into: UnsafeMutableRawBufferPointer(buffer))
            } catch { failure = error }
        }
        if let failure { throw failure }
        return content
    }
}

private func check(_ result: Int) throws(ZstdError) {
    guard ZSTD_isError(result) == 0 else { throw .failed(String(cString: ZSTD_getErrorName(result))) }
}
