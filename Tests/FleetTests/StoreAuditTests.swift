import Digest
import JSON
import SQLite
import Testing
import WallClock

@testable import Fleet

@Suite struct StoreAuditTests {
    private let fixture: StoreFixture
    private var store: FleetStore { fixture.store }

    init() throws {
        fixture = try StoreFixture()
        for number in 1...5 {
            try fixture.store.note(
                "test.\(number)",
                of: "subject",
                by: "operator:test",
                reason: "because \"\u{1B}<b>\" of \(number)",
                detail: ["number": .integer(number)],
                at: StoreFixture.at(number)
            )
        }
    }

    @Test func aWholeAuditIsWhole() throws {
        let lines = try store.audit(after: 0, limit: 100)
        #expect(lines.map(\.number) == [1, 2, 3, 4, 5])
        #expect(lines[0].previous.hex == String(repeating: "0", count: 64))
        for (line, next) in zip(lines, lines.dropFirst()) { #expect(next.previous == line.digest) }
        #expect(try store.verifyAudit() == .whole(count: 5, head: lines[4].digest))
        #expect(try store.audit(after: 3, limit: 1).map(\.number) == [4])
    }

    @Test func theDigestIsWhatTheDocumentsSay() throws {
        // Of: printf '["%064d",1,"2027-01-15T08:00:01Z","operator:a","token.create","1","why","{}"]' 0 | sha256sum
        let digest = try AuditRecord.digest(
            previous: AuditRecord.beginning,
            number: 1,
            time: StoreFixture.at(1),
            actor: "operator:a",
            action: "token.create",
            subject: "1",
            reason: "why",
            detail: "{}"
        )
        #expect(digest.hex == "9afac61b2e7fff42c672608865dcc867ba2878dbce57ac513d54cb6bdc024d3e")
    }

    @Test func anEmptyAuditIsWhole() throws {
        let other = try StoreFixture()
        #expect(try other.store.verifyAudit() == .whole(count: 0, head: AuditRecord.beginning))
    }

    @Test(arguments: [
        "UPDATE audit SET reason = '' WHERE number = 1", "DELETE FROM audit WHERE number = 5", "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE number = 2",
        "REPLACE INTO audit SELECT 2, time, actor, action, subject, 'x', detail, previous, digest FROM audit WHERE number = 2",
    ])
    func theDatabaseItselfRefusesChanges(_ sql: String) throws {
        let raw = try fixture.raw()
        let before = try store.audit(after: 0, limit: 100)
        try? raw.run("PRAGMA recursive_triggers = OFF")
        #expect(throws: SQLiteError.self) { try raw.run(sql) }
        #expect(try store.audit(after: 0, limit: 100) == before)
    }

    struct Tampering: CustomTestStringConvertible {
        var testDescription: String
        var sql: String
        var number: Int64
    }

    @Test(arguments: [
        Tampering(testDescription: "a reason", sql: "UPDATE audit SET reason = 'other' WHERE number = 3", number: 3),
        Tampering(testDescription: "a time", sql: "UPDATE audit SET time = time + 1 WHERE number = 2", number: 2),
        Tampering(
            testDescription: "a time that is written as another",
            sql: "UPDATE audit SET time = 9223372036854775807 WHERE number = 2",
            number: 2
        ),
        Tampering(
            testDescription: "an actor",
            sql: "UPDATE audit SET actor = 'operator:b' WHERE number = 5",
            number: 5
        ),
        Tampering(
            testDescription: "a digest",
            sql: "UPDATE audit SET digest = zeroblob(32) WHERE number = 4",
            number: 4
        ),
        Tampering(testDescription: "no digest", sql: "UPDATE audit SET digest = x'00' WHERE number = 4", number: 4),
        Tampering(testDescription: "the first gone", sql: "DELETE FROM audit WHERE number = 1", number: 1),
        Tampering(testDescription: "one gone", sql: "DELETE FROM audit WHERE number = 3", number: 3),
        Tampering(testDescription: "the last gone", sql: "DELETE FROM audit WHERE number = 5", number: 5),
        Tampering(testDescription: "the last two gone", sql: "DELETE FROM audit WHERE number > 3", number: 4),
        Tampering(testDescription: "all gone", sql: "DELETE FROM audit", number: 1),
        Tampering(
            testDescription: "one gone and the others moved up",
            sql: "DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3",
            number: 3
        ),
        Tampering(
            testDescription: "two in the other order",
            sql: """
                UPDATE audit SET number = 99 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3;
                UPDATE audit SET number = 3 WHERE number = 99
                """,
            number: 2
        ),
        Tampering(
            testDescription: "one put in at the end",
            sql:
                "INSERT INTO audit SELECT 6, time, actor, action, subject, reason, detail, digest, digest FROM audit WHERE number = 5",
            number: 6
        ),
        Tampering(
            testDescription: "one put in before the first",
            sql:
                "INSERT INTO audit SELECT 0, time, actor, action, subject, reason, detail, previous, digest FROM audit WHERE number = 1",
            number: 0
        ),
        Tampering(testDescription: "the head", sql: "UPDATE audit_head SET digest = zeroblob(32)", number: 5),
        Tampering(testDescription: "no head", sql: "DELETE FROM audit_head", number: 6),
    ])
    func whateverIsChangedIsNamed(_ tampering: Tampering) throws {
        let raw = try fixture.raw()
        for trigger in ["audit_is_not_changed", "audit_is_not_deleted", "audit_grows_at_its_end"] {
            try raw.run("DROP TRIGGER \(trigger)")
        }
        try raw.script(tampering.sql)
        guard case .broken(let number, let why) = try store.verifyAudit() else {
            Issue.record("nothing was found")
            return
        }
        #expect(number == tampering.number, "\(why)")
        #expect(!why.isEmpty)
    }

    @Test func oneThatWasPutInAtTheEndWithAGoodDigestIsNamed() throws {
        let last = try #require(try store.audit(after: 4, limit: 1).first)
        let digest = try AuditRecord.digest(
            previous: last.digest,
            number: 6,
            time: last.time,
            actor: "operator:b",
            action: "x",
            subject: "y",
            reason: "",
            detail: "{}"
        )
        try fixture.raw().run(
            "INSERT INTO audit VALUES (6, ?, 'operator:b', 'x', 'y', '', '{}', ?, ?)",
            last.time.seconds,
            last.digest.bytes,
            digest.bytes
        )
        guard case .broken(6, _) = try store.verifyAudit() else {
            Issue.record("it was not found")
            return
        }
    }

    @Test func severalConnectionsMakeOneChain() throws {
        let others = try (0..<4).map { _ in try FleetStore(folder: fixture.folder) }
        for number in 0..<40 {
            try others[number % 4].note("n", of: "s", by: "a", at: StoreFixture.at(number))
        }
        guard case .whole(45, _) = try store.verifyAudit() else {
            Issue.record("\(try store.verifyAudit())")
            return
        }
    }
}
