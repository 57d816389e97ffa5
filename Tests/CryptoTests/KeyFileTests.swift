import Diagnostics
import FileSystem
import Glibc
import Testing

@testable import Crypto

@Suite("KeyFile")
struct KeyFileTests {
    @Test
    func writesBothHalvesWithTheirModes() throws {
        let folder = try TemporaryDirectory(prefix: "key-file-tests")
        let path = "\(folder.path)/release.pem"
        let key = try PrivateKey.generate()
        #expect(try KeyFile.write(key, to: path) == "\(folder.path)/release.pub")
        #expect(try FileSystem.status(of: path)?.permissions == 0o600)
        #expect(try FileSystem.status(of: "\(folder.path)/release.pub")?.permissions == 0o644)
        let loaded = try KeyFile.readPrivate(path)
        #expect(!loaded.isReadableByOthers)
        let signature = try loaded.key.sign([1, 2, 3])
        #expect(try KeyFile.readPublic("\(folder.path)/release.pub").verify(signature: signature, message: [1, 2, 3]))
    }

    @Test(arguments: [("KEY.pem", "KEY.pub"), ("folder.pem/key", "folder.pem/key.pub"), (".pem", ".pub")])
    func namesThePublicHalfBesideTheKey(path: String, expected: String) {
        #expect(KeyFile.publicPath(for: path) == expected)
    }

    @Test(arguments: ["key.pem", "key.pub"])
    func overwritesNeitherHalf(existing: String) throws {
        let folder = try TemporaryDirectory(prefix: "key-file-tests")
        let path = "\(folder.path)/\(existing)"
        try FileSystem.write([7], to: path)
        #expect(throws: CryptoError.keyFileExists(path: path)) {
            try KeyFile.write(try PrivateKey.generate(), to: "\(folder.path)/key.pem")
        }
        #expect(try FileSystem.names(in: folder.path) == [existing])
        #expect(try FileSystem.read(path, limit: 10) == [7])
    }

    @Test
    func doesNotFollowALinkToWriteAKey() throws {
        let folder = try TemporaryDirectory(prefix: "key-file-tests")
        #expect(symlink("elsewhere", "\(folder.path)/key.pem") == 0)
        #expect(throws: CryptoError.self) { try KeyFile.write(try PrivateKey.generate(), to: "\(folder.path)/key.pem") }
        #expect(try FileSystem.names(in: folder.path) == ["key.pem"])
    }

    @Test
    func leavesNoHalfWhereThePublicOneCannotBeMade() throws {
        let folder = try TemporaryDirectory(prefix: "key-file-tests")
        // 255 bytes is the longest name: KEY fits, KEY.pub does not.
        let path = "\(folder.path)/" + String(repeating: "k", count: 255)
        #expect(throws: FileError.failed(operation: "create", path: path + ".pub", code: ENAMETOOLONG)) {
            try KeyFile.write(try PrivateKey.generate(), to: path)
        }
        #expect(try FileSystem.names(in: folder.path).isEmpty)
    }

    @Test
    func saysWhereTheFolderIsMissing() throws {
        let folder = try TemporaryDirectory(prefix: "key-file-tests")
        #expect(throws: FileError.failed(operation: "create", path: "\(folder.path)/no/key.pem", code: ENOENT)) {
            try KeyFile.write(try PrivateKey.generate(), to: "\(folder.path)/no/key.pem")
        }
    }

    @Test(arguments: [(mode_t(0o600), false), (0o400, false), (0o640, true), (0o604, true)])
    func tellsWhetherOthersCanReadTheKey(mode: mode_t, isReadable: Bool) throws {
        let folder = try TemporaryDirectory(prefix: "key-file-tests")
        let path = "\(folder.path)/key.pem"
        _ = try KeyFile.write(try PrivateKey.generate(), to: path)
        #expect(chmod(path, mode) == 0)
        #expect(try KeyFile.readPrivate(path).isReadableByOthers == isReadable)
    }

    @Test
    func refusesAFileThatIsNoKeyByItsSize() throws {
        let folder = try TemporaryDirectory(prefix: "key-file-tests")
        let path = "\(folder.path)/key.pem"
        try FileSystem.write([UInt8](repeating: 0x2D, count: 65_537), to: path)
        #expect(throws: FileError.tooLarge(path: path, bytes: 65_537, limit: 65_536)) { try KeyFile.readPrivate(path) }
    }
}
