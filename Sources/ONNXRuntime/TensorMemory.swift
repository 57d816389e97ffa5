/// The memory behind a tensor: numbers in row-major order and native byte order, or the bytes of strings on end.
///
/// Written while it has one owner, read-only afterwards; that is what makes it sendable.
package class TensorMemory: @unchecked Sendable {
    /// Alignment of memory made here: what the kernels' widest vector loads like best.
    static let alignment = 64

    /// Null only where there are no bytes.
    final let base: UnsafeMutableRawPointer?
    package final let byteCount: Int
    /// For strings: string i is the bytes from `offsets[i]` up to `offsets[i + 1]`. Nil for numbers.
    package final let offsets: [Int]?

    init(base: UnsafeMutableRawPointer?, byteCount: Int, offsets: [Int]?) {
        self.base = base
        self.byteCount = byteCount
        self.offsets = offsets
    }

    /// Lends the bytes for the duration of the call.
    package final func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: byteCount))
    }
}

/// Tensor memory that is allocated here and freed with its last reference.
package final class OwnedTensorMemory: TensorMemory, @unchecked Sendable {
    /// Memory of `byteCount` bytes that `fill` must write in full; nothing is cleared before.
    package init<Failure: Error>(
        byteCount: Int,
        fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let base = byteCount == 0 ? nil : Self.allocate(byteCount)
        do throws(Failure) {
            try fill(UnsafeMutableRawBufferPointer(start: base, count: byteCount))
        } catch {
            base?.deallocate()
            throw error
        }
        super.init(base: base, byteCount: byteCount, offsets: nil)
    }

    /// Strings from their bytes on end and their offsets, one more than there are strings, the first of them 0.
    package init(stringBytes: UnsafeRawBufferPointer, offsets: [Int]) {
        precondition(offsets.first == 0 && offsets.last == stringBytes.count, "offsets don't cover the bytes")
        let base = stringBytes.isEmpty ? nil : Self.allocate(stringBytes.count)
        if let base, let source = stringBytes.baseAddress {
            base.copyMemory(from: source, byteCount: stringBytes.count)
        }
        super.init(base: base, byteCount: stringBytes.count, offsets: offsets)
    }

    deinit { base?.deallocate() }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
    }
}
