import FleetProtocol
import SQLite
import Synchronization
import Testing

@testable import Fleet

/// What becomes of who waits when something can't be written.
@Suite struct IngestQueueTests {
    private let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    /// Of each check-in whether it was written, in the order in which that became known.
    private final class Answers: Sendable {
        private let all = Mutex<[Bool]>([])

        /// How many there are with this one.
        @discardableResult
        func add(_ answer: Bool) -> Int {
            all.withLock {
                $0.append(answer)
                return $0.count
            }
        }

        var list: [Bool] { all.withLock { $0 } }
    }

    /// Somebody with another program who holds the database, used by one thread at a time.
    private final class Holder: @unchecked Sendable {
        private let database: Database

        init(_ database: Database) throws {
            self.database = database
            try database.script("BEGIN IMMEDIATE")
        }

        func letGo() { try? database.script("ROLLBACK") }
    }

    private func queue() throws -> IngestQueue {
        var options = Database.Options()
        options.busyMilliseconds = 20
        return IngestQueue(
            store: try FleetStore(folder: fixture.folder, options: options),
            refusals: RefusalLog(log: { _ in }),
            log: { _ in }
        )
    }

    private func received(_ sequence: Int, row: Int64) throws -> FleetStore.Received {
        .init(
            checkIn: try StoreFixture.checkIn("a", sequence),
            row: row,
            at: StoreFixture.at(sequence),
            address: ""
        )
    }

    @Test func whereNothingCanBeWrittenNobodyWaitsForTheOthers() throws {
        let row = try fixture.enrol("a")
        let queue = try queue()
        let answers = Answers()
        let holder = try Holder(try fixture.raw())
        for sequence in 1...20 {
            let isTaken = queue.submit(
                .checkIn(try received(sequence, row: row)) { result in
                    // Each that was tried on its own after this would be written.
                    if answers.add((try? result.get()) != nil) == 2 { holder.letGo() }
                },
                cost: 1
            )
            #expect(isTaken)
        }
        try queue.start()
        queue.finish()
        #expect(answers.list == Array(repeating: false, count: 20))
    }

    @Test func whatCantBeWrittenHarmsNothingElse() throws {
        let row = try fixture.enrol("a")
        let queue = try queue()
        let answers = Answers()
        for sequence in 1...20 {
            // There is no device of that row.
            let isTaken = queue.submit(
                .checkIn(try received(sequence, row: sequence == 7 ? 99 : row)) { result in
                    answers.add((try? result.get()) != nil)
                },
                cost: 1
            )
            #expect(isTaken)
        }
        try queue.start()
        queue.finish()
        #expect(answers.list == (1...20).map { $0 != 7 })
    }
}
