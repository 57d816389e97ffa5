import FileSystem
import Glibc
import Testing
import UnixSockets

@testable import EdgeAgent

/// What runtimes print takes a bounded part of the disk, and is no reason not to serve.
@Suite struct LogFileTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path + "/blue.log" }

    init() throws { folder = try TemporaryFolder() }

    private func print(_ text: String, to descriptor: Descriptor) {
        let bytes = Array(text.utf8)
        #expect(write(descriptor.number, bytes, bytes.count) == bytes.count)
    }

    @Test func whatIsWrittenToIsCutAndGoesOn() throws {
        let log = Descriptor(adopting: try LogFile.open(path))
        let line = String(repeating: "x", count: 1023) + "\n"
        for _ in 0..<1024 { print(line, to: log) }
        LogFile.trim(path)
        #expect(try FileSystem.status(of: path)?.size == 1 << 20, "what is not over the limit stays")
        print("the end\n", to: log)
        LogFile.trim(path)
        #expect(try FileSystem.status(of: path)?.size == 0)
        #expect(LogFile.lastLine(of: path + ".old") == "the end")
        print("error: again\nmore\n", to: log)
        #expect(try FileSystem.read(path, limit: 100) == Array("error: again\nmore\n".utf8))
        #expect(LogFile.lastLine(of: path) == "error: again")
    }

    @Test func aNewRuntimeGoesOnBehindTheEndOfTheLast() throws {
        try FileSystem.write([UInt8](repeating: UInt8(ascii: "x"), count: (1 << 20) + 1), to: path)
        let log = Descriptor(adopting: try LogFile.open(path))
        print("\nnew\n", to: log)
        #expect(try FileSystem.status(of: path)?.size == (64 << 10) + 5)
        #expect(LogFile.lastLine(of: path) == "new")
    }

    @Test func withoutAPlaceForItItIsLost() throws {
        let log = Descriptor(adopting: try LogFile.open(folder.path + "/gone/blue.log"))
        print("nobody reads this\n", to: log)
        #expect(LogFile.lastLine(of: folder.path + "/gone/blue.log") == nil)
    }
}
