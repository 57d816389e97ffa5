import Deployment
import Digest
import FleetProtocol
import SQLite
import Testing
import WallClock

@testable import Fleet

/// Tokens, enrolment and certificates.
@Suite struct StoreIdentityTests {
    private let fixture: StoreFixture
    private var store: FleetStore { fixture.store }

    init() throws { fixture = try StoreFixture() }

    private func code(_ body: () throws -> Void) -> FleetProblem.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? FleetProblem)?.code
        }
    }

    private func box(_ name: String) throws -> DeviceID { try StoreFixture.device(name) }

    @Test func aTokenComesBackAsItWasAndNeverTheSecret() throws {
        var token = TokenRecord(
            created: StoreFixture.start,
            createdBy: "operator:x",
            expires: StoreFixture.at(60),
            uses: 3,
            channel: .staging,
            repository: "https://updates.example",
            rootDigest: StoreFixture.digest("root"),
            labels: ["site": "berlin"]
        )
        let secret = StoreFixture.digest("s")
        token = try store.createToken(token, secretDigest: secret, by: "operator:a", at: StoreFixture.start)
        #expect(token.id == 1)
        #expect(token.createdBy == "operator:a")
        #expect(try store.tokens() == [token])
        let line = try #require(try store.audit(after: 0, limit: 10).first)
        #expect(line.action == "token.create")
        #expect(line.actor == "operator:a")
        #expect(line.subject == "1")
        #expect(line.detail.contains(#""repository":"https://updates.example""#))
        #expect(!line.detail.contains(secret.hex))
    }

    @Test(arguments: [0, -1, Int.max]) func aTokenIsForAFewDevices(uses: Int) throws {
        #expect(throws: FleetStoreError.self) { try fixture.token(uses: uses) }
        #expect(try store.audit(after: 0, limit: 10) == [])
    }

    @Test(arguments: [["local.site": "x"], ["": "x"], ["a": ""], ["a": "<b>"]])
    func labelsThatAreNoneAreRefused(_ labels: [String: String]) throws {
        #expect(throws: FleetStoreError.self) { try fixture.token(labels: labels) }
        try fixture.enrol("box")
        #expect(throws: FleetStoreError.self) {
            try store.label(try box("box"), set: labels, remove: [], by: "o", at: StoreFixture.start)
        }
    }

    @Test func aTokenServesAsOftenAsItSays() throws {
        try fixture.token(uses: 2, labels: ["site": "berlin"])
        try fixture.enrol("a")
        try fixture.enrol("b")
        #expect(code { try fixture.enrol("c") } == .tokenUsedUp)
        #expect(try store.tokens().first?.usesLeft == 0)
        #expect(try store.device(try box("c")) == nil)
        #expect(try store.device(try box("a"))?.labels == ["site": "berlin"])
    }

    @Test func aBoxThatComesAgainWithItsKeyUsesNothingUp() throws {
        try fixture.token(uses: 1)
        let row = try fixture.enrol("a", certificate: "first")
        #expect(try fixture.enrol("a", certificate: "second") == row)
        #expect(try store.tokens().first?.usesLeft == 0)
        // Both are its own: it may never have got the second.
        for name in ["first", "second"] {
            let standing = try store.standing(ofCertificate: StoreFixture.certificate(name).fingerprint)
            #expect(standing?.device.text == "a")
        }
        // Also with the key of the first, after it has got another.
        _ = try store.renew(
            try box("a"),
            oldFingerprint: StoreFixture.certificate("second").fingerprint,
            keyDigest: StoreFixture.digest("key of other"),
            at: StoreFixture.at(5),
            issue: { StoreFixture.certificate("third") }
        )
        try fixture.enrol("a", key: "a", certificate: "fourth")
        try fixture.enrol("a", key: "other", certificate: "fifth")
        #expect(code { try fixture.enrol("a", key: "stranger", certificate: "sixth") } == .deviceTaken)
        // Every certificate that was issued is on record.
        let lines = try store.audit(after: 1, limit: 100)
        #expect(
            lines.map(\.action) == [
                "device.enrol", "device.enrol", "device.renew", "device.enrol", "device.enrol",
            ]
        )
        for (line, name) in zip(lines, ["first", "second", "third", "fourth", "fifth"]) {
            #expect(line.actor == "device:a")
            #expect(line.detail.contains(StoreFixture.certificate(name).fingerprint.hex))
            #expect(line.detail.contains(#""again":true"#) == ["second", "fourth", "fifth"].contains(name))
        }
    }

    @Test func goodCertificatesOfADeviceAreBounded() throws {
        try fixture.token(uses: 1)
        try fixture.enrol("a", certificate: "0")
        let name = try box("a")
        func renew(_ number: Int, at seconds: Int, life: Int = 30 * 86_400) throws {
            _ = try store.renew(
                name,
                oldFingerprint: StoreFixture.certificate("0").fingerprint,
                keyDigest: StoreFixture.digest("k"),
                at: StoreFixture.at(seconds),
                issue: {
                    .init(
                        fingerprint: StoreFixture.certificate("\(number)").fingerprint,
                        notAfter: StoreFixture.at(seconds + life),
                        pem: ""
                    )
                }
            )
        }
        for number in 1..<FleetStore.certificatesPerDevice { try renew(number, at: number) }
        let audit = try store.audit(after: 0, limit: 100).count
        #expect(code { try renew(40, at: 50) } == .tooMany)
        #expect(code { try fixture.enrol("a", certificate: "41") } == .tooMany)
        #expect(try store.audit(after: 0, limit: 100).count == audit)
        #expect(code { try renew(41, at: 29 * 86_400) } == .tooMany)
        // The box's own is still known; when the oldest has ended there is room for another.
        #expect(try store.standing(ofCertificate: StoreFixture.certificate("0").fingerprint) != nil)
        try renew(42, at: 30 * 86_400)
    }

    @Test func whatTokensAreRefusedFor() throws {
        try fixture.token("expired")
        let late = StoreFixture.at(86_400)
        let issue: (TokenRecord) throws -> FleetStore.NewCertificate = { _ in
            Issue.record("nothing is issued")
            return StoreFixture.certificate("x")
        }
        func enrol(_ secret: String, at: UTCTime = StoreFixture.start) throws {
            _ = try store.enrol(
                try box("a"),
                keyDigest: StoreFixture.digest("k"),
                secretDigest: StoreFixture.digest(secret),
                at: at,
                issue: issue
            )
        }
        #expect(code { try enrol("expired", at: late) } == .tokenExpired)
        #expect(code { try enrol("nobody's") } == .tokenUnknown)
        try store.revokeToken(1, by: "operator:a", reason: "lost", at: StoreFixture.start)
        #expect(code { try enrol("expired") } == .tokenRevoked)
        #expect(throws: FleetStoreError.wrongState("token 1 has been revoked already")) {
            try store.revokeToken(1, by: "operator:a", reason: "lost", at: StoreFixture.start)
        }
        #expect(throws: FleetStoreError.unknownToken(7)) {
            try store.revokeToken(7, by: "operator:a", reason: "lost", at: StoreFixture.start)
        }
    }

    private struct NoKey: Error {}

    @Test func whatIssuingThrowsUndoesAll() throws {
        try fixture.token(uses: 1)
        #expect(throws: NoKey.self) {
            try store.enrol(
                try box("a"),
                keyDigest: StoreFixture.digest("k"),
                secretDigest: StoreFixture.digest("secret"),
                at: StoreFixture.start,
                issue: { _ in throw NoKey() }
            )
        }
        #expect(try store.tokens().first?.usesLeft == 1)
        #expect(try store.devices() == [])
        #expect(try store.audit(after: 0, limit: 10).count == 1)
    }

    @Test func enrollingAgainBeginsTheSequenceAnew() throws {
        let row = try fixture.enrol("a")
        var checkIn = try StoreFixture.checkIn("a", 50)
        checkIn.events = [try StoreFixture.event(40)]
        try fixture.ingest(checkIn, row: row, at: 1)
        try fixture.enrol("a", certificate: "again")
        checkIn = try StoreFixture.checkIn("a", 2)
        // The same boot and number as one of the enrolment before, and not the same event.
        checkIn.events = [try StoreFixture.event(40)]
        #expect(try fixture.ingest(checkIn, row: row, at: 2)?.isDuplicate == false)
        #expect(try store.devices().first?.report?.sequence == 2)
        let events = try store.events(device: try box("a"), endpoint: nil, before: nil, after: nil, limit: 100)
        #expect(events.filter { $0.kind == "update" }.count == 2)
    }

    @Test func decommissioningFreesTheId() throws {
        let row = try fixture.enrol("a", certificate: "old")
        var checkIn = try StoreFixture.checkIn("a", 50)
        checkIn.events = [try StoreFixture.event(40)]
        try fixture.ingest(checkIn, row: row, at: 1)
        try store.revoke(try box("a"), reason: "stolen", by: "operator:a", at: StoreFixture.at(2))
        #expect(code { try fixture.enrol("a", certificate: "x") } == .deviceRevoked)
        #expect(
            code {
                _ = try store.renew(
                    try box("a"),
                    oldFingerprint: StoreFixture.certificate("old").fingerprint,
                    keyDigest: StoreFixture.digest("k"),
                    at: StoreFixture.at(3),
                    issue: { StoreFixture.certificate("y") }
                )
            } == .deviceRevoked
        )
        try store.decommission(try box("a"), reason: "scrapped", by: "operator:a", at: StoreFixture.at(4))
        #expect(
            try store.standing(ofCertificate: StoreFixture.certificate("old").fingerprint)?.membership
                == .decommissioned
        )
        #expect(throws: FleetStoreError.self) {
            try store.decommission(try box("a"), reason: "", by: "operator:a", at: StoreFixture.at(4))
        }
        #expect(throws: FleetStoreError.self) {
            try store.revoke(try box("a"), reason: "", by: "operator:a", at: StoreFixture.at(4))
        }
        try fixture.enrol("a", key: "of another box", certificate: "new")
        // What the box before was known by counts no more, and what it said is gone but for its history.
        #expect(try store.standing(ofCertificate: StoreFixture.certificate("old").fingerprint) == nil)
        let record = try #require(try store.device(try box("a")))
        #expect(record.membership == .enrolled)
        #expect(record.report == nil)
        #expect(record.endpoints == [])
        let events = try store.events(device: try box("a"), endpoint: nil, before: nil, after: nil, limit: 100)
        #expect(events.map(\.kind) == ["enrolled", "decommissioned", "revoked", "update", "enrolled"])
        #expect(events[2].sentence == "revoked by operator:a: stolen")
        let actions = try store.audit(after: 0, limit: 10).map(\.action)
        #expect(actions == ["token.create", "device.enrol", "device.revoke", "device.decommission", "device.enrol"])
    }

    @Test func renewingIsForOnesOwnCertificate() throws {
        try fixture.enrol("a")
        try fixture.enrol("b")
        func renew(_ name: String, with: String) throws {
            _ = try store.renew(
                try box(name),
                oldFingerprint: StoreFixture.certificate(with).fingerprint,
                keyDigest: StoreFixture.digest("k"),
                at: StoreFixture.at(3),
                issue: { StoreFixture.certificate("new") }
            )
        }
        #expect(code { try renew("a", with: "b") } == .certificateUnknown)
        #expect(code { try renew("a", with: "nobody's") } == .certificateUnknown)
        try renew("a", with: "a")
        let certificates = try store.certificates(of: try box("a"))
        #expect(
            certificates.map(\.fingerprint)
                == [StoreFixture.certificate("new"), StoreFixture.certificate("a")].map(\.fingerprint)
        )
    }

    @Test func aBoxThatRenewsForeverFillsNothing() throws {
        try fixture.enrol("a", certificate: "0")
        for number in 1...100 {
            _ = try store.renew(
                try box("a"),
                oldFingerprint: StoreFixture.certificate("\(number - 1)").fingerprint,
                keyDigest: StoreFixture.digest("k"),
                at: StoreFixture.at(number * 86_400),
                issue: {
                    .init(
                        fingerprint: StoreFixture.certificate("\(number)").fingerprint,
                        notAfter: StoreFixture.at((number + 30) * 86_400),
                        pem: ""
                    )
                }
            )
        }
        #expect(try store.certificates(of: try box("a")).count == FleetStore.certificatesPerDevice)
        #expect(try store.standing(ofCertificate: StoreFixture.certificate("0").fingerprint) == nil)
        #expect(try store.standing(ofCertificate: StoreFixture.certificate("100").fingerprint) != nil)
    }

    @Test func labelsAreSetAndRemoved() throws {
        let row = try fixture.enrol("a")
        let name = try box("a")
        #expect(
            try store.label(name, set: ["x": "1", "y": "2"], remove: [], by: "o", at: StoreFixture.at(1)) == [
                "x": "1", "y": "2",
            ]
        )
        #expect(
            try store.label(name, set: ["y": "3"], remove: ["x", "none"], by: "o", at: StoreFixture.at(2)) == ["y": "3"]
        )
        #expect(try store.label(name, set: ["y": "3"], remove: [], by: "o", at: StoreFixture.at(3)) == ["y": "3"])
        #expect(try fixture.ingest(try StoreFixture.checkIn("a", 1), row: row, at: 4)?.labels == ["y": "3"])
        let events = try store.events(device: name, endpoint: nil, before: nil, after: nil, limit: 9)
        #expect(events.map(\.sentence) == ["y=3, no x by o", "x=1, y=2 by o", "enrolled with token 1"])
        #expect(throws: FleetStoreError.unknownDevice("nobody")) {
            try store.label(try box("nobody"), set: [:], remove: [], by: "o", at: StoreFixture.start)
        }
        let many = Dictionary(uniqueKeysWithValues: (0...64).map { ("l\($0)", "v") })
        #expect(throws: FleetStoreError.self) {
            try store.label(name, set: many, remove: [], by: "o", at: StoreFixture.start)
        }
    }
}
