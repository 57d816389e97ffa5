import Glibc
import Processes
import Testing

@Suite struct ProcessMemoryTests {
    /// KiB of mapped files that are resident in this process.
    private func residentFileKiB() throws -> Int {
        var text = [UInt8](repeating: 0, count: 1 << 14)
        let descriptor = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let count = read(descriptor, &text, text.count)
        try #require(count > 0)
        let lines = String(decoding: text[..<count], as: UTF8.self).split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("RssFile:") })
        return try #require(Int(line.dropFirst(8).dropLast(2).filter(\.isNumber)))
    }

    @Test func codeThatIsReleasedIsNoLongerResidentAndStillRuns() throws {
        let before = try residentFileKiB()
        ProcessMemory.releaseCode()
        #expect(try residentFileKiB() < before)
    }
}
