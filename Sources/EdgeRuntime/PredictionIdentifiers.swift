internal import Digest
internal import Glibc
internal import Synchronization

/// Names every prediction: `BUNDLE-BOOT-COUNTER`, unique over all boxes and boots, so that a label can be joined later.
///
/// BUNDLE is the first 12 digits of the bundle digest, BOOT the first 8 of the kernel's boot id, COUNTER 64 bits that
/// start at random and go up by one: two processes of one boot would have to start within each other's predictions to
/// give one twice, which is one in 10^9 where each gives ten thousand million.
final class PredictionIdentifiers: Sendable {
    private let prefix: String
    private let counter: Atomic<UInt64>

    init(digest: SHA256Digest?, bootIdentifier: String = bootIdentifier(), start: UInt64 = .random(in: .min ... .max)) {
        prefix = (digest.map { String($0.hex.prefix(12)) } ?? "development") + "-" + bootIdentifier.prefix(8) + "-"
        counter = Atomic(start)
    }

    func next() -> String {
        prefix + String(counter.wrappingAdd(1, ordering: .relaxed).newValue, radix: 16)
    }
}

/// The kernel's random identifier of this boot (random(4)); zeros where there is no /proc.
private func bootIdentifier() -> String {
    firstLine(of: "/proc/sys/kernel/random/boot_id") ?? "00000000"
}

/// The first line of a file of the kernel's, of at most 255 bytes; nil where it isn't there.
///
/// Such files say they are empty, so they can't be read as files of the disk are.
func firstLine(of path: String) -> String? { lines(of: path, limit: 1).first }

/// The first lines of a file of the kernel's, cut after 255 bytes.
func lines(of path: String, limit: Int = 200) -> [String] {
    guard let file = fopen(path, "re") else { return [] }
    defer { fclose(file) }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        var lines: [String] = []
        while lines.count < limit, let line = fgets(buffer.baseAddress, 256, file) {
            lines.append(String(cString: line))
        }
        return lines
    }
}
