import Diagnostics
import Digest
import FileSystem
import Glibc
import Testing

@Suite struct SHA256Tests {
    /// FIPS 180-4's examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func matchesTheStandard(_ text: String, _ hex: String) {
        #expect(SHA256.digest(Array(text.utf8)).hex == hex)
    }

    @Test func hashesPiecesAsTheWhole() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var hash = SHA256()
        for piece in 0..<10 { hash.update(bytes[(piece * 100)..<(piece * 100 + 100)]) }
        #expect(hash.finalize() == SHA256.digest(bytes))
    }

    @Test(arguments: ["", "ab", String(repeating: "A", count: 64), String(repeating: "g", count: 64)])
    func readsOnlyLowercaseDigits(_ text: String) {
        #expect(SHA256Digest(hex: text) == nil)
    }
}

@Suite struct AtomicFileTests {
    @Test func replacesAFileOnlyOnCommit() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        let path = "\(folder.path)/file"
        try FileSystem.write([1], to: path)
        do {
            let abandoned = try AtomicFile(at: path)
            try abandoned.write([2, 2])
        }
        #expect(try FileSystem.read(path, limit: 10) == [1])
        #expect(try FileSystem.names(in: folder.path) == ["file"])
        try FileSystem.write([3], to: path, mode: 0o600)
        #expect(try FileSystem.read(path, limit: 10) == [3])
        #expect(try FileSystem.status(of: path)?.permissions == 0o600)
    }

    @Test func namesTheFolderThatIsMissing() {
        let error = #expect(throws: FileError.self) { try FileSystem.write([1], to: "/nowhere/at/all/file") }
        #expect(error?.message == "can't create /nowhere/at/all/file: no such file or directory")
        #expect(error?.exitCode == .cannotCreate)
    }

    @Test func saysThatTheDiskIsFull() {
        let error = FileError.failed(operation: "write", path: "x", code: ENOSPC)
        #expect(error.message == "can't write x: no space left on device")
        #expect(error.exitCode == .ioError)
        #expect(error.hint?.contains("free some space") == true)
    }
}

@Suite struct FileSystemTests {
    @Test func refusesWhatIsNoFile() throws {
        let error = #expect(throws: FileError.self) { try FileSystem.read("/tmp", limit: 10) }
        #expect(error == .wrongKind(path: "/tmp", expected: "a file", found: .directory))
        let device = #expect(throws: FileError.self) { try FileSystem.read("/dev/zero", limit: 10) }
        #expect(device == .wrongKind(path: "/dev/zero", expected: "a file", found: .other))
    }

    @Test func holdsTheLimitOfAFile() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        try FileSystem.write([1, 2, 3], to: "\(folder.path)/file")
        #expect(throws: FileError.tooLarge(path: "\(folder.path)/file", bytes: 3, limit: 2)) {
            try FileSystem.read("\(folder.path)/file", limit: 2)
        }
    }

    @Test func listsATreeInByteOrder() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        for path in ["b/c", "b.d", "a/é", "a/z", "B"] {
            try FileSystem.createDirectories(FileSystem.parent(of: "\(folder.path)/\(path)"))
            try FileSystem.write([], to: "\(folder.path)/\(path)")
        }
        symlink("b", "\(folder.path)/link")
        let files = try FileSystem.files(below: folder.path, limit: 100)
        #expect(files.map(\.path) == ["B", "a/z", "a/é", "b.d", "b/c", "link"])
        #expect(files.last?.status.kind == .symbolicLink)
        #expect(throws: FileError.treeTooLarge(path: folder.path, limit: "3 files")) {
            try FileSystem.files(below: folder.path, limit: 3)
        }
    }

    @Test func neverOverlooksANameThatIsNotUTF8() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        let inner = "\(folder.path)/inner"
        try FileSystem.createDirectories(inner)
        let name = Array("\(inner)/w".utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
        let descriptor = name.withUnsafeBufferPointer { open($0.baseAddress!, O_CREAT | O_WRONLY, 0o644) }
        #expect(descriptor >= 0)
        close(descriptor)
        #expect(throws: FileError.notUTF8(path: "\(inner)/w\u{FFFD}")) {
            try FileSystem.files(below: folder.path, limit: 10)
        }
        try FileSystem.removeTree(inner)
        #expect(try FileSystem.status(of: inner) == nil)
    }

    @Test func removesWhateverIsThereAndFollowsNoLinks() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        try FileSystem.createDirectories("\(folder.path)/a/b/c")
        try FileSystem.write([1], to: "\(folder.path)/kept")
        try FileSystem.write([1], to: "\(folder.path)/a/b/c/file")
        symlink("../kept", "\(folder.path)/a/link")
        symlink("..", "\(folder.path)/a/b/up")
        chmod("\(folder.path)/a/b/c", 0o500)
        try FileSystem.removeTree("\(folder.path)/a")
        #expect(try FileSystem.names(in: folder.path) == ["kept"])
    }

    @Test func locksTheFileThatStandsAtThePath() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        let path = "\(folder.path)/file"
        try FileSystem.write([1], to: path)
        let lock = try FileLock(path)
        let other = open(path, O_RDONLY)
        defer { close(other) }
        #expect(flock(other, LOCK_EX | LOCK_NB) == -1)
        _ = consume lock
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
    }

    @Test func atomicDirectoriesAppearWholeOrNotAtAll() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        do {
            let abandoned = try AtomicDirectory(at: "\(folder.path)/tree")
            try FileSystem.write([1], to: "\(abandoned.temporaryPath)/file")
        }
        #expect(try FileSystem.names(in: folder.path).isEmpty)
        let tree = try AtomicDirectory(at: "\(folder.path)/tree/")
        try FileSystem.write([1], to: "\(tree.temporaryPath)/file")
        try tree.commit(durably: true)
        #expect(try FileSystem.names(in: "\(folder.path)/tree") == ["file"])
        #expect(throws: FileError.failed(operation: "create", path: "\(folder.path)/tree", code: EEXIST)) {
            _ = try AtomicDirectory(at: "\(folder.path)/tree")
        }
    }

    @Test func copiesPartOfAFile() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try FileSystem.write(bytes, to: "\(folder.path)/a")
        let source = try File.open("\(folder.path)/a")
        let copy = try AtomicFile(at: "\(folder.path)/b")
        try copy.copy(90_000, of: source, at: 5_000)
        try copy.commit()
        #expect(try FileSystem.read("\(folder.path)/b", limit: 1 << 20) == Array(bytes[5_000..<95_000]))
    }

    @Test func mapsFilesEvenEmptyOnes() throws {
        let folder = try TemporaryDirectory(prefix: "edge-test")
        try FileSystem.write([7, 8], to: "\(folder.path)/a")
        try FileSystem.write([], to: "\(folder.path)/b")
        #expect(try MappedFile("\(folder.path)/a").withBytes { Array($0) } == [7, 8])
        #expect(try MappedFile("\(folder.path)/b").withBytes { $0.isEmpty })
    }
}
