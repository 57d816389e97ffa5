import Glibc

/// A model's file mapped read-only: loaded from, and hashed by the caller, without a copy of it.
///
/// The file must not be cut short while it is mapped, as reading past its end ends the process; bundles on a box are
/// immutable.
package final class ModelFile: Sendable {
    package let path: String
    /// Bytes of the file.
    package let byteCount: Int
    // Set once, unmapped in deinit, only read in between.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer

    /// Maps the file at `path`.
    ///
    /// Throws: `ONNXRuntimeError.modelUnreadable` when it can't be opened, is no regular file, or is empty.
    package init(path: String) throws(ONNXRuntimeError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .modelUnreadable(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .modelUnreadable(path: path, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .modelUnreadable(path: path, reason: "it is not a regular file")
        }
        guard status.st_size > 0 else { throw .modelUnreadable(path: path, reason: "it is empty") }
        guard
            let base = mmap(nil, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0),
            base != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw .modelUnreadable(path: path, reason: String(cString: strerror(errno))) }
        self.path = path
        self.byteCount = status.st_size
        self.base = base
    }

    deinit { munmap(base, byteCount) }

    /// Lends the file's bytes for the duration of the call.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: byteCount))
    }

    /// Whether it is in ORT format (a flatbuffer with the identifier `ORTM`), which can be used in place.
    package var isORTFormat: Bool {
        withBytes { $0.count >= 8 && $0[4..<8].elementsEqual("ORTM".utf8) }
    }
}
