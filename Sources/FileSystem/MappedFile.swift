internal import Glibc

/// A regular file mapped read-only; its pages are shared with every process that maps it.
///
/// The bytes are those of the file: a file cut short while mapped makes reading it a bus error, so only files that
/// nobody writes (a generation, an input of a build) are mapped.
package final class MappedFile: @unchecked Sendable {
    // Sendable: read-only memory that lives as long as this object.

    /// The file's bytes, for those who keep this object alive as long as they read them; `withBytes` does it for you.
    package let unsafeBytes: UnsafeRawBufferPointer
    package let path: String

    /// Throws `tooLarge` over `limit` bytes.
    package init(_ path: String, limit: Int = .max) throws(FileError) {
        let file = try File.open(path)
        let size = try file.status().size
        guard size <= limit else { throw .tooLarge(path: path, bytes: size, limit: limit) }
        self.path = path
        guard size > 0 else {
            unsafeBytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.descriptor, 0), address != MAP_FAILED else {
            throw .failed(operation: "map", path: path, code: errno)
        }
        unsafeBytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
        if let base = unsafeBytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), unsafeBytes.count) }
    }

    /// The file's bytes for the length of `body`.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(unsafeBytes)
    }
}
