import Crypto
import Deployment
import Diagnostics
import Digest
import FileSystem
import FleetProtocol
import Glibc
import HTTPClient
import JSON
import Testing
import UnixSockets
import WallClock

@testable import Fleet

/// Who may speak to the fleet, and what the others are told.
@Suite struct ServerIdentityTests {
    @Test func aBoxEnrolsAndChecksIn() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box(labels: ["site": "oslo"])
        let answer = try fleet.send("/v1/checkin", box.checkIn(7).json.compactBytes(), as: box)
        #expect(answer.status == 200)
        let reply = try CheckInReply(answer.body)
        #expect(reply.acknowledged == 7)
        #expect(reply.labels == ["site": "oslo"])
        #expect(reply.interval == 60)
        let record = try #require(try fleet.store.device(StoreFixture.device("box-1")))
        #expect(record.report?.sequence == 7)
        #expect(record.report?.address == "127.0.0.1")
        let certificate = try #require(try Certificate.parse(pem: Array(box.certificate.utf8), source: "it").first)
        #expect(certificate.deviceID == "box-1")
        #expect(certificate.notAfter - ServerFixture.now.seconds > 29 * 86_400)
    }

    @Test func fiveKindsOfStrangersGetFiveAnswers() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let body = try box.checkIn().json.compactBytes()

        #expect(try fleet.send("/v1/checkin", body).code == .certificateMissing)

        do {
            _ = try fleet.send("/v1/checkin", body, as: try .stranger("box-1"))
            Issue.record("another authority's certificate was let in")
        } catch let error as HTTPClientError {
            guard case .certificateRefused(_, .unknownAuthority) = error else {
                Issue.record("another authority's certificate: \(error)")
                return
            }
        }

        let authority = try FleetAuthority.open(fleet.folder, at: ServerFixture.now)
        let unknown = try TestBox.issued("box-1", by: authority.authority, seconds: 3600)
        #expect(try fleet.send("/v1/checkin", body, as: unknown).code == .certificateUnknown)

        let device = try StoreFixture.device("box-1")
        try fleet.store.revoke(device, reason: "lost", by: "operator:test", at: ServerFixture.now)
        let revoked = try fleet.send("/v1/checkin", body, as: box)
        #expect(revoked.status == 403)
        #expect(revoked.code == .deviceRevoked)
        #expect(try fleet.send("/v1/renew", Self.renewal(box), as: box).code == .deviceRevoked)
        try fleet.store.decommission(device, reason: "scrap", by: "operator:test", at: ServerFixture.now)
        #expect(try fleet.send("/v1/checkin", body, as: box).code == .deviceDecommissioned)

        // The fleet's clock is behind, so that what it issues has expired for everyone else.
        let earlier = try ServerFixture(clock: -7200) { $0.certificateLifetimeSeconds = 60 }
        let late = try earlier.box("late")
        let expired = try earlier.send("/v1/checkin", late.checkIn().json.compactBytes(), as: late)
        #expect(expired.status == 403)
        #expect(expired.code == .certificateExpired)
    }

    private static func renewal(_ box: TestBox, key: PrivateKey? = nil) throws -> [UInt8] {
        let request = try CertificateRequest.make(key: key ?? box.key).pemBytes
        return RenewalRequest(certificateRequest: String(decoding: request, as: UTF8.self)).json.compactBytes()
    }

    @Test func anExpiredCertificateIsGoodToRenewAlone() throws {
        let fleet = try ServerFixture(clock: -7200) { $0.certificateLifetimeSeconds = 60 }
        let late = try fleet.box("late")
        let key = try PrivateKey.generate()
        let answer = try fleet.send("/v1/renew", try Self.renewal(late, key: key), as: late)
        #expect(answer.status == 200)
        let issued = try IssuedCertificate(answer.body)
        let certificate = try #require(
            try Certificate.parse(pem: Array(issued.certificate.utf8), source: "it").first
        )
        #expect(certificate.deviceID == "late")
        #expect(try certificate.publicKey == key.publicKey)
        // It is known: what refuses it is its time alone.
        let renewed = TestBox(id: "late", key: key, certificate: issued.certificate)
        let again = try fleet.send("/v1/checkin", renewed.checkIn().json.compactBytes(), as: renewed)
        #expect(again.code == .certificateExpired)
        for path in ["/v1/metrics", "/v1/logs"] {
            #expect(try fleet.send(path, Array("{}".utf8), as: late).code == .certificateExpired)
        }
    }

    @Test func whoIsRevokedIsRefusedAtTheNextRequestOfAnOpenConnection() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let client = try fleet.client(as: box)
        let first = try fleet.send("/v1/checkin", box.checkIn(1).json.compactBytes(), over: client)
        #expect(first.status == 200)
        let device = try StoreFixture.device("box-1")
        try fleet.store.revoke(device, reason: "stolen", by: "operator:test", at: ServerFixture.now)
        let second = try fleet.send("/v1/checkin", box.checkIn(2).json.compactBytes(), over: client)
        #expect(second.code == .deviceRevoked)
        #expect(try fleet.store.device(device)?.report?.sequence == 1)
    }

    @Test func aDeviceSpeaksForItselfAlone() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box("box-1")
        let other = try fleet.box("box-2")
        let answer = try fleet.send("/v1/checkin", other.checkIn(5).json.compactBytes(), as: box)
        #expect(answer.status == 403)
        #expect(answer.code == .deviceMismatch)
        #expect(try fleet.store.device(StoreFixture.device("box-2"))?.report == nil)
        let metrics = Array(
            #"{"resourceMetrics":[{"resource":{"attributes":[{"key":"device.id","value":{"stringValue":"box-2"}}]}}]}"#
                .utf8
        )
        #expect(try fleet.send("/v1/metrics", metrics, as: box).code == .deviceMismatch)
        #expect(try fleet.send("/v1/metrics", metrics, as: other).status == 200)
        let logs = Array(
            #"{"resourceLogs":[{"resource":{"attributes":[{"key":"device.id","value":{"intValue":"2"}}]}}]}"#.utf8
        )
        #expect(try fleet.send("/v1/logs", logs, as: box).code == .deviceMismatch)
    }

    @Test func tokensAreJudged() throws {
        let fleet = try ServerFixture()
        let key = try PrivateKey.generate()
        let nobody = SHA256.digest("nobody".utf8).hex
        #expect(try fleet.enrol("a", key: key, secret: nobody).code == .tokenUnknown)
        #expect(try fleet.enrol("a", key: key, secret: "short").code == .tokenUnknown)
        let past = try fleet.token(expires: ServerFixture.now)
        #expect(try fleet.enrol("a", key: key, secret: past).code == .tokenExpired)
        let single = try fleet.token(uses: 1)
        #expect(try fleet.enrol("a", key: key, secret: single).status == 200)
        // The answer was lost: the same box with the same key comes again.
        #expect(try fleet.enrol("a", key: key, secret: single).status == 200)
        #expect(try fleet.enrol("b", key: try .generate(), secret: single).code == .tokenUsedUp)
        let many = try fleet.token()
        let taken = try fleet.enrol("a", key: try .generate(), secret: many)
        #expect(taken.status == 409)
        #expect(taken.code == .deviceTaken)
        let id = try #require(try fleet.store.tokens().map(\.id).max())
        try fleet.store.revokeToken(id, by: "operator:test", reason: "leaked", at: ServerFixture.now)
        #expect(try fleet.enrol("c", key: try .generate(), secret: many).code == .tokenRevoked)
        #expect(try fleet.store.devices().map(\.device.text) == ["a"])
    }

    @Test func aRootTravelsWithTheReply() throws {
        let fleet = try ServerFixture()
        let root = Array(#"{"signed":"root"}"#.utf8)
        let digest = SHA256.digest(root)
        try FileSystem.createDirectories(FileSystem.parent(of: fleet.folder.root(digest)))
        try FileSystem.write(root, to: fleet.folder.root(digest))
        let answer = try fleet.enrol("a", key: try .generate(), secret: try fleet.token(root: digest))
        #expect(try EnrolmentReply(answer.body).root == #"{"signed":"root"}"#)
        // A file that is no longer what the token names is not given out.
        try FileSystem.write(Array("other".utf8), to: fleet.folder.root(digest))
        let second = try fleet.enrol("b", key: try .generate(), secret: try fleet.token(root: digest))
        #expect(second.status == 200)
        #expect(try EnrolmentReply(second.body).root == nil)
    }

    @Test func whatIsRefusedIsSaidAndCounted() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        for _ in 0..<3 { _ = try fleet.send("/v1/checkin", [], as: nil) }
        _ = try fleet.send("/v1/checkin", Array("<b>".utf8), as: box)
        // Whoever has no token may call itself anything.
        let stranger = try fleet.enrol("box-1", key: .generate(), secret: String(repeating: "0", count: 64))
        #expect(stranger.status == 401)
        #expect(fleet.lines.all.contains { $0.contains("certificate_missing") && $0.contains("127.0.0.1") })
        #expect(fleet.lines.all.contains { $0.contains("device box-1") && $0.contains("malformed") })
        fleet.server.stop()
        let counted = try fleet.store.refusals(since: UTCTime(seconds: ServerFixture.now.seconds - 3600))
        #expect(counted.first { $0.code == .certificateMissing }?.count == 3)
        #expect(counted.first { $0.code == .malformed }?.device == "box-1")
        #expect(counted.filter { $0.code == .tokenUnknown }.map(\.device) == [nil])
    }

    // MARK: The authority and the server's certificate

    @Test func theAuthorityIsMadeOnceAndServesForAll() throws {
        let scratch = try TemporaryDirectory(prefix: "authority")
        let folder = FleetFolder(FileSystem.join(scratch.path, "fleet"))
        let first = try FleetAuthority.open(folder, at: ServerFixture.now)
        let second = try FleetAuthority.open(folder, at: UTCTime(seconds: ServerFixture.now.seconds + 86_400))
        #expect(first.fingerprint == second.fingerprint)
        #expect(try FileSystem.status(of: folder.authorityKey)?.permissions == 0o600)
        // Killed between key and certificate: the key stays.
        try FileSystem.removeFile(folder.authorityCertificate)
        let third = try FleetAuthority.open(folder, at: ServerFixture.now)
        #expect(try third.authority.certificate.publicKey == first.authority.certificate.publicKey)
        try FileSystem.removeFile(folder.authorityKey)
        #expect(throws: FleetServerError.keyMissing(path: folder.authorityKey)) {
            try FleetAuthority.open(folder, at: ServerFixture.now)
        }
    }

    @Test func boxesAreNotLockedOutByANewAuthority() throws {
        let fixture = try StoreFixture()
        try fixture.enrol("a")
        // A backup of the database alone.
        #expect(throws: FleetServerError.keyMissing(path: fixture.folder.authorityKey)) {
            try FleetAuthority.open(fixture.folder, at: ServerFixture.now)
        }
    }

    @Test func theServersCertificateIsMadeAnewInTimeAndForOtherNames() throws {
        let scratch = try TemporaryDirectory(prefix: "authority")
        let folder = FleetFolder(FileSystem.join(scratch.path, "fleet"))
        let start = ServerFixture.now
        let authority = try FleetAuthority.open(folder, at: start)
        let names = [try #require(ServerName("127.0.0.1")), try #require(ServerName("fleet.example"))]
        let after = { (days: Int64) in UTCTime(seconds: start.seconds + days * 86_400) }
        let current = { (names: [ServerName], now: UTCTime) in
            try ServerIdentity.current(folder, authority: authority, names: names, at: now)
        }
        let first = try current(names, start)
        #expect(try current(names, after(59)) == first)
        let second = try current(names, after(61))
        #expect(second != first)
        #expect(second.keyPEM == first.keyPEM)
        let third = try current([names[0]], after(61))
        #expect(third != second)
        try FileSystem.removeFile(folder.serverKey)
        #expect(try current([names[0]], after(61)).keyPEM != first.keyPEM)
        // Of another authority, as after the folder was put together from two.
        let other = try CertificateAuthority.make(
            name: "edge fleet",
            key: try .generate(),
            at: start.seconds,
            lifetimeSeconds: 86_400 * 365
        )
        let foreign = try other.issueServerCertificate(
            for: try .make(key: try KeyFile.readPrivate(folder.serverKey).key),
            names: [names[0]],
            at: start.seconds,
            lifetimeSeconds: 86_400 * 90
        )
        try FileSystem.write(foreign.pemBytes, to: folder.serverCertificate)
        let repaired = try current([names[0]], start)
        #expect(repaired.certificatePEM != foreign.pemBytes)
    }

    @Test func anotherProgramVerifiesTheServer() throws {
        let fleet = try ServerFixture { $0.url = "https://fleet.example:7443" }
        guard case .tcp(_, let port) = fleet.server.deviceAddress else { return }
        let verified = try fleet.shell(
            "echo | timeout 10 openssl s_client -connect 127.0.0.1:\(port) -CAfile ca.pem -verify_hostname fleet.example"
                + " -verify_return_error"
        )
        #expect(verified.text.contains("Verify return code: 0 (ok)"))
        let authority = try fleet.shell("curl -sS -m 5 --cacert ca.pem https://127.0.0.1:\(port)/v1/authority")
        let fingerprint = try FleetAuthority.open(fleet.folder, at: ServerFixture.now).fingerprint
        let der = try Certificate.parse(pem: Array(authority.text.utf8), source: "it").first?.derBytes
        #expect(SHA256.digest(der ?? []) == fingerprint)
    }

    @Test func aServersCertificateIsReplacedWhileItRuns() throws {
        let fleet = try ServerFixture()
        let before = try FileSystem.read(fleet.folder.serverCertificate, limit: 1 << 16)
        try FileSystem.removeFile(fleet.folder.serverCertificate)
        try fleet.server.renewIdentity()
        let after = try FileSystem.read(fleet.folder.serverCertificate, limit: 1 << 16)
        #expect(after != before)
        #expect(try fleet.send("/v1/authority", [], method: .get, type: nil).status == 200)
        guard case .tcp(_, let port) = fleet.server.deviceAddress else { return }
        let shown = try fleet.shell(
            "echo | timeout 10 openssl s_client -connect 127.0.0.1:\(port) 2>/dev/null | openssl x509 -outform pem"
        )
        #expect(shown.text.contains(String(decoding: after, as: UTF8.self).prefix(200)))
    }
}
