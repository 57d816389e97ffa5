import Digest
import FileSystem
import Testing
import UpdateFramework
import WallClock

@testable import RepositoryS3

/// What a repository does with an object store, which is another's.
@Suite(.enabled(if: ObjectStore.shared != nil, ObjectStore.reason)) struct S3StorageTests {
    private let store: ObjectStore
    private let strict: ObjectStore

    init() throws {
        store = try #require(ObjectStore.shared)
        strict = try #require(ObjectStore.strict)
    }

    private static let oddNames = [
        "a b", "50%", "%41", "1+1", "ü", "u\u{308}", "'(!)*", "a&b=c", "a;b", "a?b#c", "a~b_c-d.e", "\"<>\\^`{|}", "日本",
    ]

    @Test(arguments: oddNames) func anyNameIsSignedAndComesBack(name: String) throws {
        let storage = try strict.storage("a place/ü+%/\(SHA256.digest(Array(name.utf8)).hex)")
        let place = path("targets", name, "1.\(name).json")
        #expect(try storage.create([1, 2, 3], at: place))
        #expect(try storage.read(place, limitBytes: 3) == [1, 2, 3])
        let files = try storage.files(below: "targets")
        #expect(files.map { Array($0.path.description.utf8) } == [Array(place.description.utf8)])
        #expect(files.first?.bytes == 3)
        #expect(try storage.status(of: place) == files.first)
        var bytes: [UInt8] = []
        try storage.fetch(place, limitBytes: 3) { bytes.append(contentsOf: $0) }
        #expect(bytes == [1, 2, 3])
        try storage.remove(place)
        try storage.remove(place)
        #expect(try storage.read(place, limitBytes: 3) == nil)
        #expect(try storage.status(of: place) == nil)
        #expect(throws: TransportError.self) { try storage.fetch(place, limitBytes: 3) { _ in } }
    }

    @Test func aNameThatCanBeNoKeyIsRefused() throws {
        let storage = try store.storage("names")
        for name in ["..", ".", "", "a/b"] {
            #expect(throws: S3Error.self) { try storage.create([1], at: path("metadata", name)) }
        }
        let long = path("targets", String(repeating: "x", count: 1_020))
        #expect(throws: S3Error.badKey(long.description)) { try storage.create([1], at: long) }
    }

    @Test func aSessionIsSignedToo() throws {
        let lent = try #require(strict.lent)
        let storage = try strict.storage("session") { $0.credentials = lent }
        #expect(try storage.create([1], at: .metadata("a")))
        #expect(try storage.files(below: "metadata").count == 1)
    }

    @Test func whatIsThereIsNotCreatedAgain() throws {
        let storage = try strict.storage("create")
        #expect(try storage.create([1], at: .metadata("a")))
        #expect(try !storage.create([2], at: .metadata("a")))
        #expect(try !storage.create([2, 3], at: .metadata("a")))
        #expect(try storage.read(.metadata("a"), limitBytes: 10) == [1])
    }

    @Test func onlyWhatWasReadIsReplaced() throws {
        let storage = try strict.storage("replace")
        #expect(try !storage.replace([1], with: [2], at: .metadata("a")))
        #expect(try storage.replace(nil, with: [1], at: .metadata("a")))
        #expect(try !storage.replace(nil, with: [2], at: .metadata("a")))
        #expect(try !storage.replace([3], with: [2], at: .metadata("a")))
        #expect(try !storage.replace([], with: [2], at: .metadata("a")))
        #expect(try storage.replace([1], with: [2, 2], at: .metadata("a")))
        #expect(try storage.read(.metadata("a"), limitBytes: 10) == [2, 2])
    }

    /// Another writes between our reading and our writing.
    @Test func oneOfSeveralReplaces() async throws {
        let store = store
        #expect(try store.storage("race").create([0], at: .metadata("a")))
        let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
            for writer in 1...16 {
                group.addTask {
                    try store.storage("race").replace([0], with: [UInt8(writer)], at: .metadata("a"))
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
    }

    @Test func listingsGoOnOverPages() throws {
        let storage = try strict.storage("pages") { $0.listedFiles = 4 }
        for number in 0..<10 { #expect(try storage.create([1], at: path("metadata", "x \(number)"))) }
        #expect(try storage.create([1], at: path("metadatas", "y")))
        #expect(try storage.files(below: "metadata").map(\.path.description) == (0..<10).map { "metadata/x \($0)" })
        #expect(try storage.files(below: "blobs").isEmpty)
    }

    @Test func aFileOverTheLimitIsNotRead() throws {
        let storage = try store.storage("limits")
        #expect(try storage.create(Array(repeating: 1, count: 1_000), at: .metadata("a")))
        #expect(throws: S3Error.self) { try storage.read(.metadata("a"), limitBytes: 999) }
        #expect(throws: TransportError.self) { try storage.fetch(.metadata("a"), limitBytes: 999) { _ in } }
        // The error of a file that isn't there is longer.
        #expect(try storage.read(.metadata("b"), limitBytes: 1) == nil)
    }
}

/// Files of any size.
@Suite(.enabled(if: ObjectStore.shared != nil, ObjectStore.reason)) struct S3PartsTests {
    private let strict: ObjectStore
    /// No smaller part is taken by S3, but the last.
    private let part = 5 << 20

    init() throws { strict = try #require(ObjectStore.strict) }

    private func source(_ bytes: Int, piece: Int = 1 << 20) -> ByteSource {
        { sink in
            var left = bytes
            while left > 0 {
                let piece = [UInt8](repeating: UInt8(left % 251), count: min(piece, left))
                try piece.withUnsafeBytes { try sink($0) }
                left -= piece.count
            }
        }
    }

    private func digest(_ read: (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws -> SHA256Digest
    {
        var digest = SHA256()
        try read { digest.update($0) }
        return digest.finalize()
    }

    @Test(arguments: [(13, 7), (10, 16), (5, 1)]) func largeFilesGoUpInParts(megabytes: Int, piece: Int) throws {
        let prefix = "parts-\(megabytes)"
        let storage = try strict.storage(prefix) { $0.partBytes = part }
        let size = megabytes << 20
        let place = path("blobs", "a b+ü")
        try storage.put(place, bytes: size, from: source(size, piece: piece << 20))
        let found = try digest { try storage.fetch(place, limitBytes: size, receive: $0) }
        #expect(try found == digest(source(size, piece: piece << 20)))
        #expect(try storage.status(of: place)?.bytes == size)
        let puts = try strict.log(prefix).filter { $0[0] == "PUT" }
        #expect(puts.count == (size + part - 1) / part)
        // No request held more than a part.
        #expect(puts.allSatisfy { (Int($0[3]) ?? .max) <= part })
        // Another content under the same name takes its place.
        try storage.put(place, bytes: 3, from: source(3))
        #expect(try storage.read(place, limitBytes: 3)?.count == 3)
    }

    @Test func anEmptyFileIsOne() throws {
        let storage = try strict.storage("empty")
        try storage.put(path("blobs", "a"), bytes: 0) { _ in }
        #expect(try storage.read(path("blobs", "a"), limitBytes: 1) == [])
    }

    @Test func whatBreaksOffLeavesNothing() throws {
        struct Broken: Error {}
        let storage = try strict.storage("broken") { $0.partBytes = part }
        let whole = source(12 << 20)
        for size in [12 << 20, 100] {
            #expect(throws: Broken.self) {
                try storage.put(path("blobs", "a"), bytes: size) { sink in
                    if size > 100 { try whole(sink) }
                    throw Broken()
                }
            }
            // It is another file by now.
            #expect(throws: S3Error.self) { try storage.put(path("blobs", "a"), bytes: size + 1, from: source(size)) }
            #expect(try storage.status(of: path("blobs", "a")) == nil)
        }
        let log = try strict.log("broken")
        #expect(log.count { $0[0] == "DELETE" && $0[2].hasPrefix("uploadId=") } == 2)
    }

    @Test func lostAnswersCostNothing() throws {
        let storage = try strict.storage("lost-parts") { $0.partBytes = part }
        let size = 11 << 20
        let place = path("blobs", "a")
        for fault in [
            #"{"method": "PUT", "query": "partNumber=2", "path": "lost-parts", "lost": true}"#,
            #"{"method": "PUT", "query": "partNumber=2", "path": "lost-parts", "status": 503, "code": "SlowDown"}"#,
            #"{"method": "POST", "query": "uploadId", "path": "lost-parts", "lost": true}"#,
            #"{"method": "POST", "query": "uploadId", "path": "lost-parts", "status": 200, "code": "InternalError"}"#,
        ] {
            try strict.fail(fault)
            if fault.contains("200") {
                // S3 may say 200 before it knows, and then that it failed.
                #expect(throws: S3Error.self) { try storage.put(place, bytes: size, from: source(size)) }
                #expect(try storage.status(of: place) == nil)
            } else {
                try storage.put(place, bytes: size, from: source(size))
                #expect(try storage.status(of: place)?.bytes == size)
            }
            try storage.remove(place)
        }
    }
}
