package import Deployment
internal import FileSystem
internal import Glibc
package import WallClock

/// What the machine says of itself.
package enum HostFacts {
    /// Throws where the kernel has no boot id, which is no Linux that anything here runs on.
    package static func boot() throws -> BootID {
        let text = try text(of: "/proc/sys/kernel/random/boot_id", limit: 128)
        guard let boot = BootID(String(text.prefix { !$0.isWhitespace })) else {
            throw StoreError.damaged(file: "/proc/sys/kernel/random/boot_id", problem: "it holds no boot id")
        }
        return boot
    }

    /// CLOCK_BOOTTIME: never set, and goes on while the machine sleeps.
    package static func bootTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    package static func wallTime() -> UTCTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UTCTime(seconds: Int64(time.tv_sec))
    }

    /// What a probe's result is bound to.
    package static func fingerprint(python: String?) -> HostFingerprint {
        var names = utsname()
        uname(&names)
        let release = withUnsafeBytes(of: names.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return HostFingerprint(
            kernel: release,
            libc: libraryVersion(),
            // The file behind the name: /usr/bin/python3 becomes python3.11, and another one after an upgrade.
            python: python.flatMap { try? FileSystem.resolve($0) } ?? "",
            processor: processor()
        )
    }

    private static func libraryVersion() -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        guard confstr(Int32(_CS_GNU_LIBC_VERSION), &buffer, buffer.count) > 0 else { return "" }
        return buffer.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The first processor's model and abilities, of which numeric libraries choose their code.
    private static func processor() -> String {
        // The first processor's entry is a few kilobytes.
        guard let text = try? text(of: "/proc/cpuinfo", limit: 16 << 10) else { return "" }
        let wanted = ["model name", "flags", "CPU part", "Features"]
        let first = text.split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
        return first.filter { line in wanted.contains { line.hasPrefix($0) } }.joined(separator: "\n")
    }

    /// Memory that a new process could have without swapping, in bytes; nil where the kernel doesn't say.
    package static func availableMemory() -> Int? {
        guard let text = try? text(of: "/proc/meminfo", limit: 64 << 10) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
        }
        return nil
    }

    /// The start of a file of /proc, whose size is not told before it is read.
    static func text(of path: String, limit: Int) throws(FileError) -> String {
        let file = try File.open(path)
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { buffer.deallocate() }
        while bytes.count < limit, case let count = try file.read(into: buffer), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes.prefix(limit), as: UTF8.self)
    }
}
