import Deployment
import FileSystem
import FleetProtocol
import Glibc
import SQLite
import Testing
import WallClock

@testable import Fleet

/// The file of the store: how it is made and opened, what stands in the way, and how it is read.
@Suite struct StoreFileTests {
    private let fixture: StoreFixture
    private var store: FleetStore { fixture.store }

    init() throws { fixture = try StoreFixture() }

    @Test func theFolderIsItsOwnersAlone() throws {
        for (path, mode) in [(fixture.folder.path, 0o700), (fixture.folder.database, 0o600)] {
            #expect(try FileSystem.status(of: path)?.permissions == UInt32(mode))
        }
        for end in ["-wal", "-shm"] {
            #expect(try FileSystem.status(of: fixture.folder.database + end)?.permissions == 0o600)
        }
        #expect(try fixture.folder.isThere)
        #expect(try store.size() > 0)
    }

    @Test func aFolderOfOthersIsNotClosed() throws {
        let path = fixture.folder.path + "-shared"
        try FileSystem.createDirectories(path)
        try FileSystem.write([1], to: FileSystem.join(path, "somebody's"))
        _ = chmod(path, 0o755)
        #expect(throws: FileError.self) { try FleetStore(folder: FleetFolder(path)) }
        #expect(try FileSystem.status(of: path)?.permissions == 0o755)
        #expect(try FileSystem.names(in: path) == ["somebody's"])
        // An empty one is taken, and one that has become open to others is closed again.
        try FileSystem.removeFile(FileSystem.join(path, "somebody's"))
        for _ in 0..<2 {
            _ = try FleetStore(folder: FleetFolder(path))
            #expect(try FileSystem.status(of: path)?.permissions == 0o700)
            _ = chmod(path, 0o755)
        }
    }

    @Test func openingAgainKeepsAll() throws {
        let row = try fixture.enrol("a")
        try fixture.ingest(try StoreFixture.checkIn("a", 1), row: row, at: 1)
        let devices = try store.devices()
        store.close()
        #expect(try FleetStore(folder: fixture.folder).devices() == devices)
    }

    @Test func aNewerDatabaseIsRefused() throws {
        try fixture.raw().setUserVersion(FleetSchema.version + 1)
        let error = #expect(throws: FleetStoreError.self) { try FleetStore(folder: fixture.folder) }
        #expect(
            error
                == .newerSchema(
                    path: fixture.folder.database,
                    found: FleetSchema.version + 1,
                    known: FleetSchema.version
                )
        )
    }

    @Test func anotherConnectionSeesWhatWasWritten() throws {
        let other = try FleetStore(folder: fixture.folder)
        let version = try other.dataVersion
        try fixture.enrol("a")
        #expect(try other.dataVersion != version)
        #expect(try other.devices().count == 1)
        try other.revoke(try StoreFixture.device("a"), reason: "", by: "operator:x", at: StoreFixture.start)
        #expect(try store.standing(ofCertificate: StoreFixture.certificate("a").fingerprint)?.membership == .revoked)
    }

    @Test func severalThreadsEachWithAConnection() async throws {
        let folder = fixture.folder
        var rows: [Int64] = []
        for number in 0..<4 { rows.append(try fixture.enrol("box-\(number)")) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, row) in rows.enumerated() {
                group.addTask {
                    let own = try FleetStore(folder: folder)
                    for sequence in 1...25 {
                        var checkIn = try StoreFixture.checkIn("box-\(number)", sequence)
                        checkIn.events = [try StoreFixture.event(sequence)]
                        let received = FleetStore.Received(
                            checkIn: checkIn,
                            row: row,
                            at: StoreFixture.at(sequence),
                            address: ""
                        )
                        _ = try own.ingest([received])
                        _ = try own.devices()
                        _ = try own.label(
                            try StoreFixture.device("box-\(number)"),
                            set: ["n": "\(sequence)"],
                            remove: [],
                            by: "o",
                            at: StoreFixture.at(sequence)
                        )
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try store.devices().map { $0.report?.sequence } == [25, 25, 25, 25])
        guard case .whole(1 + 4 + 100, _) = try store.verifyAudit() else {
            Issue.record("\(try store.verifyAudit())")
            return
        }
    }

    @Test func aFullDiskIsToldAndLosesNothing() throws {
        let row = try fixture.enrol("a")
        var checkIn = try StoreFixture.checkIn("a", 1)
        checkIn.events = [try StoreFixture.event(1)]
        try fixture.ingest(checkIn, row: row, at: 1)
        let pages = try fixture.raw().first("PRAGMA page_count") { Int($0.integer(0)) } ?? 0
        store.close()
        var options = Database.Options()
        options.pages = pages + 4
        let full = try FleetStore(folder: fixture.folder, options: options)
        let before = try full.devices()
        var large = try StoreFixture.checkIn("a", 2)
        large.events = try (2..<20).map { try StoreFixture.event($0, log: String(repeating: "x", count: 16_000)) }
        let batch = FleetStore.Received(checkIn: large, row: row, at: StoreFixture.at(2), address: "")
        #expect(throws: SQLiteError.full(path: fixture.folder.database)) { try full.ingest([batch]) }
        #expect(try full.devices() == before)
        #expect(try full.events(device: nil, endpoint: nil, before: nil, after: nil, limit: 99).count == 2)
        full.close()
        // With room again, the box's next try is taken.
        let again = try FleetStore(folder: fixture.folder)
        #expect(try again.ingest([batch]).first?.isDuplicate == false)
        #expect(try again.events(device: nil, endpoint: nil, before: nil, after: nil, limit: 99).count == 20)
    }

    @Test func manyThatBeginAtOnceMakeOneFleet() async throws {
        let folder = FleetFolder(fixture.folder.path + "-new")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let store = try FleetStore(folder: folder)
                    try store.note("test", of: "\(number)", by: "operator:x", at: StoreFixture.start)
                }
            }
            try await group.waitForAll()
        }
        let store = try FleetStore(folder: folder)
        guard case .whole(8, _) = try store.verifyAudit() else {
            Issue.record("\(try store.verifyAudit())")
            return
        }
    }

    @Test func theLockIsForOneAtATime() async throws {
        let folder = FleetFolder(fixture.folder.path + "-new")
        let file = FileSystem.join(fixture.folder.path, "count")
        try FileSystem.write([0], to: file)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try folder.withLock {
                        let count = try FileSystem.read(file, limit: 1)[0]
                        try FileSystem.write([count + 1], to: file)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try FileSystem.read(file, limit: 1) == [8])
    }

    @Test func whatStandsInAnothersPlaceIsNamed() throws {
        let row = try fixture.enrol("a")
        try fixture.ingest(try StoreFixture.checkIn("a", 1), row: row, at: 1)
        let raw = try fixture.raw()
        try raw.run("UPDATE devices SET id = 'no id'")
        #expect(throws: FleetStoreError.self) { try store.devices() }
        try raw.run("UPDATE devices SET id = 'a', labels = '{'")
        #expect(throws: FleetStoreError.self) { try store.devices() }
        try raw.run("UPDATE devices SET labels = '{}'")
        try raw.run("UPDATE endpoints SET name = '..'")
        #expect(throws: FleetStoreError.self) { try store.devices() }
    }

    @Test(arguments: [
        FleetStore.tokenQuery, FleetStore.memberQuery, FleetStore.standingQuery, FleetStore.certificatesQuery,
        FleetStore.ingestQuery, FleetStore.reportQuery, FleetStore.endpointsQuery,
        FleetStore.deviceQuery, FleetStore.eventQuery, FleetStore.eventsQuery(device: false, endpoint: false),
        FleetStore.eventsQuery(device: true, endpoint: false), FleetStore.eventsQuery(device: false, endpoint: true),
        FleetStore.eventsQuery(device: true, endpoint: true), FleetStore.knownSeriesQuery, FleetStore.freshSizeQuery,
        FleetStore.freshQuery, FleetStore.seriesQuery, FleetStore.lineSizesQuery, FleetStore.linesQuery,
        FleetStore.auditQuery, FleetStore.refusalCountQuery, FleetStore.refusalsQuery,
        FleetStore.oldestCertificateQuery,
    ])
    func noReadGoesThroughAWholeTable(_ query: String) throws {
        let plan = try store.database.plan(of: query)
        #expect(!plan.contains { $0.hasPrefix("SCAN") && $0 != "SCAN CONSTANT ROW" }, "\(plan)")
        // The list of refusals is short; nothing else is sorted.
        if query != FleetStore.refusalsQuery { #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)") }
    }

    @Test func eventsAreFoundByDeviceEndpointAndNumber() throws {
        for name in ["a", "b"] {
            let row = try fixture.enrol(name)
            var checkIn = try StoreFixture.checkIn(name, 1)
            checkIn.events = try (0..<6).map { number in
                var event = try StoreFixture.event(number)
                if number % 2 == 1 { event.endpoint = try EndpointName(stored: "audio") }
                return event
            }
            try fixture.ingest(checkIn, row: row, at: 1)
        }
        let (a, audio) = (try StoreFixture.device("a"), try EndpointName(stored: "audio"))
        func ids(
            _ device: DeviceID?,
            _ endpoint: EndpointName?,
            before: Int64? = nil,
            after: Int64? = nil,
            limit: Int = 100
        ) throws -> [Int64] {
            try store.events(device: device, endpoint: endpoint, before: before, after: after, limit: limit).map(\.id)
        }
        // 1 and 8: enrolled.
        #expect(try ids(nil, nil) == Array((1...14).reversed()))
        #expect(try ids(a, nil) == [7, 6, 5, 4, 3, 2, 1])
        #expect(try ids(nil, audio) == [14, 12, 10, 7, 5, 3])
        #expect(try ids(a, audio) == [7, 5, 3])
        #expect(try ids(a, nil, before: 6, after: 2) == [5, 4, 3])
        #expect(try ids(nil, nil, after: 12) == [14, 13])
        #expect(try ids(nil, nil, limit: 2) == [14, 13])
        #expect(try ids(nil, nil, limit: -1) == [])
        #expect(try store.event(99) == nil)
    }
}
