import COpenSSL

/// The one place where libcrypto's return values and its error queue become errors.
///
/// The queue belongs to the thread and outlives calls: what one call leaves there would be reported by the next. So every
/// door of this module ends with `clearErrors()`, whether it succeeded or not.
enum OpenSSL {
    /// Empties this thread's error queue.
    static func clearErrors() {
        ERR_clear_error()
    }

    /// True when an error is still in this thread's queue.
    static var hasPendingErrors: Bool {
        ERR_peek_error() != 0
    }

    /// The most recent error's reason in words; empties the queue.
    static func takeReason() -> String {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "no reason given" }
        return String(cString: text).lowercased()
    }

    /// Throws unless a call answered 1, libcrypto's word for success.
    static func check(_ code: Int32, _ operation: String) throws(CryptoError) {
        guard code == 1 else { throw .libraryFailure(operation: operation, reason: takeReason()) }
    }

    /// The pointer, or an error where a call answered null.
    static func require<Pointer>(_ pointer: Pointer?, _ operation: String) throws(CryptoError) -> Pointer {
        guard let pointer else { throw .libraryFailure(operation: operation, reason: takeReason()) }
        return pointer
    }
}

/// An owned EVP_PKEY. It is never changed after it was made, so threads may share it.
final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the reference.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        EVP_PKEY_free(pointer)
    }
}

/// A growing buffer that libcrypto writes text into.
struct MemoryBuffer: ~Copyable {
    let bio: OpaquePointer

    /// - Parameter secret: keep the content in memory that is overwritten when it is freed.
    init(secret: Bool = false) throws(CryptoError) {
        bio = try OpenSSL.require(BIO_new(secret ? BIO_s_secmem() : BIO_s_mem()), "allocate a buffer")
    }

    deinit {
        BIO_free_all(bio)
    }

    /// What was written so far.
    borrowing func bytes() -> [UInt8] {
        var start: UnsafePointer<CChar>?
        let length = copenssl_memory_bio_bytes(bio, &start)
        guard let start, length > 0 else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: length))
    }
}
