import FileSystem
import Testing

@testable import UpdateFramework

@Suite struct MetadataStoreTests {
    /// One suite for both: a folder and memory behave alike.
    @Test(arguments: [true, false])
    func keepsWhatWasWritten(isFolder: Bool) throws {
        let folder = try TemporaryDirectory(prefix: "store-tests")
        let store: any MetadataStore = isFolder ? MetadataDirectory("\(folder.path)/deep/er") : MemoryMetadataStore()
        let files: [StoredMetadata] = [.role(.root), .rootHistory(7), .role(try roleName("../x"))]
        for file in files {
            #expect(try store.read(file, limitBytes: 10) == nil)
            try store.remove(file)
            try store.write([1, 2], to: file)
            try store.write([3], to: file)
            #expect(try store.read(file, limitBytes: 10) == [3])
        }
        try store.remove(files[0])
        #expect(try store.read(files[0], limitBytes: 10) == nil)
        #expect(try store.read(files[1], limitBytes: 10) == [3])
    }

    @Test func laysFilesOutAsTheConformanceSuiteExpects() throws {
        let folder = try TemporaryDirectory(prefix: "store-tests")
        let store = MetadataDirectory(folder.path)
        try store.write([1], to: .role(.timestamp))
        try store.write([1], to: .role(try roleName("../x")))
        try store.write([1], to: .rootHistory(3))
        #expect(try FileSystem.names(in: folder.path) == ["..%2Fx.json", "root_history", "timestamp.json"])
        #expect(try FileSystem.names(in: "\(folder.path)/root_history") == ["3.root.json"])
    }

    @Test func readsNoMoreThanTheLimit() throws {
        let folder = try TemporaryDirectory(prefix: "store-tests")
        let store = MetadataDirectory(folder.path)
        try store.write([UInt8](repeating: 0, count: 11), to: .role(.root))
        #expect(throws: FileError.self) { try store.read(.role(.root), limitBytes: 10) }
    }
}

@Suite struct DirectoryTransportTests {
    @Test func fetchesFilesBelowItsFolder() throws {
        let folder = try TemporaryDirectory(prefix: "transport-tests")
        try FileSystem.createDirectories("\(folder.path)/inside/a")
        try FileSystem.write([1, 2, 3], to: "\(folder.path)/inside/a/b")
        try FileSystem.write([9], to: "\(folder.path)/outside")
        let transport = DirectoryTransport("\(folder.path)/inside")
        #expect(try transport.bytes(of: RepositoryPath(components: ["a", "b"]), limitBytes: 3) == [1, 2, 3])
        #expect(throws: TransportError.tooLarge("\(folder.path)/inside/a/b", limitBytes: 2)) {
            try transport.bytes(of: RepositoryPath(components: ["a", "b"]), limitBytes: 2)
        }
        let absent: [[String]] = [
            ["a", "c"], ["..", "outside"], ["../outside"], ["a", "b", "c"], [], ["a", ""],
            [String(repeating: "x", count: 300)],
        ]
        for components in absent {
            #expect(throws: TransportError.self, "\(components)") {
                try transport.bytes(of: RepositoryPath(components: components), limitBytes: 10)
            }
        }
        #expect(throws: FileError.self) { try transport.bytes(of: RepositoryPath(components: ["a"]), limitBytes: 10) }
    }
}
