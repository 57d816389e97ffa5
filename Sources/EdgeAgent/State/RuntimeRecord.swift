package import Digest

/// One of an endpoint's two places: the one serves, the other is where the next one starts.
package enum Slot: String, CaseIterable, Sendable {
    case blue, green

    package var other: Slot { self == .blue ? .green : .blue }
}

/// Which boot of the machine: the text of `/proc/sys/kernel/random/boot_id`.
package struct BootID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Nil for anything but 1 to 64 hexadecimal digits and hyphens.
    package init?(_ text: String) {
        let isPart = { (byte: UInt8) in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) || byte == UInt8(ascii: "-")
        }
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(isPart) else { return nil }
        self.text = text
    }

    package var description: String { text }
}

/// A runtime that the agent started, by what the next agent can find and adopt it by.
///
/// A number of a process is used again; with its start time and the boot it names one process for good.
package struct RuntimeRecord: Hashable, Sendable {
    package var processID: Int32
    /// Clock ticks since the boot: field 22 of `/proc/PID/stat`.
    package var startTime: Int
    package var boot: BootID
    package var slot: Slot
    package var bundle: SHA256Digest

    package init(processID: Int32, startTime: Int, boot: BootID, slot: Slot, bundle: SHA256Digest) {
        self.processID = processID
        self.startTime = startTime
        self.boot = boot
        self.slot = slot
        self.bundle = bundle
    }
}
