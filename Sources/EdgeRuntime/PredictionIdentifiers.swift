internal import Digest
internal import Glibc
internal import Synchronization

/// Names every prediction: `BUNDLE-BOOT-COUNTER`, unique over all boxes and boots, so that a label can be joined later.
///
/// BUNDLE is the first 12 digits of the bundle digest, BOOT the first 8 of the kernel's boot id. The counter starts at
/// the microseconds since boot, so that a runtime started again in the same boot does not repeat one.
final class PredictionIdentifiers: Sendable {
    private let prefix: String
    private let counter: Atomic<UInt64>

    init(digest: SHA256Digest?, bootIdentifier: String = bootIdentifier(), microsecondsSinceBoot: UInt64 = uptime()) {
        prefix = (digest.map { String($0.hex.prefix(12)) } ?? "development") + "-" + bootIdentifier.prefix(8) + "-"
        counter = Atomic(microsecondsSinceBoot)
    }

    func next() -> String {
        prefix + String(counter.add(1, ordering: .relaxed).newValue, radix: 16)
    }
}

/// The kernel's random identifier of this boot (random(4)); zeros where there is no /proc.
private func bootIdentifier() -> String {
    firstLine(of: "/proc/sys/kernel/random/boot_id") ?? "00000000"
}

/// The first line of a file of the kernel's, of at most 255 bytes; nil where it isn't there.
///
/// Such files say they are empty, so they can't be read as files of the disk are.
func firstLine(of path: String) -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        fgets(buffer.baseAddress, 256, file).map { String(cString: $0) }
    }
}

private func uptime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
}
