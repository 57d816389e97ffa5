import Crypto
import Deployment
import Diagnostics
import Digest
import EdgeAgent
import FileSystem
import FleetClient
import FleetProtocol
import Synchronization
import Testing
import UpdateFramework

@testable import AgentSync

@Suite struct BoxEnrolmentTests {
    /// Ends the work like a signal would, as far as the disk can tell.
    private struct Killed: Error {}

    private let place: TemporaryPlace
    private let layout: StoreLayout
    /// A root that a fleet may send.
    private let root: [UInt8]

    init() throws {
        place = try TemporaryPlace()
        let repository = try BoxRepository(in: "\(place.path)/elsewhere")
        root = try FileSystem.read("\(repository.folder)/metadata/1.root.json", limit: 1 << 20)
        layout = StoreLayout("\(place.path)/box")
    }

    private func settings(_ device: String = "press-7") throws -> BoxSettings {
        var settings = BoxSettings()
        settings.device = try #require(DeviceID(device))
        settings.endpoints[try #require(EndpointName("digits"))] = "127.0.0.1:8080"
        return settings
    }

    @discardableResult
    private func enrol(
        _ fleet: BoxFleet,
        _ settings: BoxSettings? = nil,
        token: EnrolmentToken? = nil,
        in store: StoreLayout? = nil,
        willWrite: @escaping (String) throws -> Void = { _ in }
    ) throws -> BoxEnrolment.Result {
        try BoxEnrolment.enrol(
            token ?? fleet.token(root: root),
            settings ?? self.settings(),
            store ?? layout,
            options: FleetClientOptions(),
            willWrite: willWrite
        )
    }

    private func sendRoot(_ fleet: BoxFleet) {
        fleet.state.withLock { $0.root = String(decoding: root, as: UTF8.self) }
    }

    /// What the box shows works at the fleet.
    private func report(_ fleet: BoxFleet, in store: StoreLayout? = nil) throws -> FleetReport.Result {
        try BoxSpool(store ?? layout).snapshot()
        return try FleetReport.run(store ?? layout)
    }

    @Test func aTokenIsAllThatABoxNeeds() throws {
        try withFleet { fleet in
            sendRoot(fleet)
            fleet.state.withLock { $0.labels = ["site": "hamburg"] }
            let result = try enrol(fleet)
            #expect(result.box.channel == .prod && result.box.repository == "https://models.example")
            #expect(result.box.device.text == "press-7" && result.rootVersion == 1)
            let trusted = try MetadataDirectory(layout.metadata).read(.role(.root), limitBytes: 1 << 20)
            #expect(trusted == root)
            #expect(try layout.readFleetSettings() == result.settings)
            #expect(try FleetLabels.read(layout.inboxLabels) == FleetLabels(["site": "hamburg"]))
            // Keys are for their owner only, and nothing of the enrolment itself is left.
            #expect(try FileSystem.names(in: layout.fleet).sorted() == [".lock", "fleet.json", "identity.pem"])
            #expect(try FileSystem.status(of: layout.identity)?.permissions == 0o600)
            #expect(try FileSystem.status(of: layout.fleet)?.permissions == 0o700)
            #expect(try report(fleet).checkIns == 1)
        }
    }

    @Test func whatTheBoxWasToldCountsMore() throws {
        try withFleet { fleet in
            sendRoot(fleet)
            var told = try settings()
            told.channel = .dev
            told.repository = "https://mine.example"
            let result = try enrol(fleet, told)
            #expect(result.box.channel == .dev && result.box.repository == "https://mine.example")
        }
    }

    @Test func aRootCountsByTheTokenOnly() throws {
        try withFleet { fleet in
            // The fleet sends one that the token does not name.
            fleet.state.withLock { $0.root = String(decoding: root + [0x20], as: UTF8.self) }
            #expect(throws: SyncFailure.self) { try enrol(fleet) }
            #expect(try layout.readFleetSettings() == nil)
            // The token names none: what the fleet sends is nobody's root.
            #expect(throws: SetUpError.self) { try enrol(fleet, token: fleet.token()) }
            #expect(try layout.readFleetSettings() == nil)
            fleet.state.withLock { $0.root = nil }
            #expect(throws: SyncFailure.self) { try enrol(fleet) }
            sendRoot(fleet)
            try enrol(fleet)
            #expect(fleet.state.withLock { $0.tokenUses } == 1)
        }
    }

    @Test func aRepositoryThatIsNoneIsRefused() throws {
        try withFleet { fleet in
            sendRoot(fleet)
            for text in ["", "file:///etc", "models", "ftp://a", "https://", "../x"] {
                fleet.state.withLock { $0.repository = text }
                #expect(throws: SyncFailure.self) { try enrol(fleet) }
            }
        }
    }

    /// Killed before any change to the disk: the box is not enrolled, or it works; and enrolling again ends well, with
    /// the same key and the same token.
    @Test func whereverItIsKilledItGoesOn() throws {
        try withFleet { fleet in
            sendRoot(fleet)
            fleet.state.withLock { $0.labels = ["site": "hamburg"] }
            var places = 0
            var hasEnded = false
            while !hasEnded {
                let box = StoreLayout("\(place.path)/box-\(places)")
                let settings = try settings("press-\(places)")
                var left = places
                do {
                    try enrol(fleet, settings, in: box) { path in
                        if left == 0 { throw Killed() }
                        left -= 1
                    }
                    hasEnded = true
                } catch is Killed { places += 1 }
                if try box.readFleetSettings() != nil { #expect(try report(fleet, in: box).checkIns == 1) }
                try enrol(fleet, settings, in: box)
                #expect(try report(fleet, in: box).checkIns == 1)
                // Once more, as a technician would who is not sure.
                try enrol(fleet, settings, in: box)
                #expect(try report(fleet, in: box).checkIns == 1)
                #expect(try FileSystem.names(in: box.fleet).sorted() == [".lock", "fleet.json", "identity.pem"])
            }
            print("enrolment: killed at \(places) places")
            #expect(places == 7)
            #expect(fleet.state.withLock { $0.tokenUses } == places + 1)
        }
    }

    @Test func anAnswerThatIsLostCostsNoToken() throws {
        try withFleet { fleet in
            sendRoot(fleet)
            fleet.answer { $0.path == "/v1/enrol" ? .lost : .usual }
            #expect(throws: FleetClientError.self) { try enrol(fleet) }
            #expect(try layout.readFleetSettings() == nil)
            fleet.answer { _ in .usual }
            try enrol(fleet)
            #expect(fleet.state.withLock { $0.tokenUses } == 1)
        }
    }

    @Test func aBoxMovesToAnotherFleet() throws {
        try withFleet { old in
            sendRoot(old)
            try enrol(old)
            let key = try FileSystem.read(layout.identity, limit: 1 << 16)
            try withFleet { new in
                sendRoot(new)
                let settings = BoxSettings(try #require(try BoxSetUp.known(layout)))
                // Refused, the box stays where it is.
                new.answer { $0.path == "/v1/enrol" ? .problem(.tokenExpired) : .usual }
                #expect(throws: FleetClientError.self) { try enrol(new, settings) }
                #expect(try report(old).checkIns == 1)
                new.answer { _ in .usual }
                let result = try enrol(new, settings)
                #expect(result.notices.contains { $0.contains(old.url) })
                #expect(try FileSystem.read(layout.identity, limit: 1 << 16) != key)
                #expect(try report(new).checkIns == 1)
                #expect(new.state.withLock { $0.tokenUses } == 1)
            }
        }
    }

    /// Somebody else may have the key of a box that was put out.
    @Test func aBoxThatWasPutOutComesBackWithAnotherKey() throws {
        try withFleet { fleet in
            sendRoot(fleet)
            try enrol(fleet)
            let settings = try #require(try layout.readFleetSettings())
            func key() throws -> PublicKey {
                try FleetIdentity(
                    server: settings.server,
                    device: settings.device,
                    authorities: settings.authorities,
                    pem: try FileSystem.read(layout.identity, limit: 1 << 16)
                ).privateKey.publicKey
            }
            let first = try key()
            try enrol(fleet)
            #expect(try key() == first)
            // Revoked and decommissioned.
            fleet.state.withLock { state in
                state.certificates = []
                state.keys = [:]
            }
            try enrol(fleet)
            #expect(try key() != first)
            #expect(try report(fleet).checkIns == 1)
            #expect(fleet.state.withLock { $0.tokenUses } == 2)
        }
    }

    @Test func aBoxKeepsTheRootThatItTrusts() throws {
        try withFleet { fleet in
            sendRoot(fleet)
            try enrol(fleet)
            let other = Array(#"{"another":"root"}"#.utf8)
            fleet.state.withLock { $0.root = String(decoding: other, as: UTF8.self) }
            let result = try enrol(fleet, token: fleet.token(root: other))
            #expect(result.notices.contains { $0.contains("root") })
            let trusted = try MetadataDirectory(layout.metadata).read(.role(.root), limitBytes: 1 << 20)
            #expect(trusted == root)
        }
    }

    @Test func whatTheFleetRefusesLeavesTheBoxAsItWas() throws {
        try withFleet { fleet in
            fleet.answer { $0.path == "/v1/enrol" ? .problem(.deviceTaken, "press-7 is enrolled") : .usual }
            do {
                try enrol(fleet)
                Issue.record("it was taken")
            } catch let error as FleetClientError {
                #expect(error.message.contains("press-7 is enrolled"))
                guard case .refused = SyncOutcome(of: error) else {
                    Issue.record("\(SyncOutcome(of: error))")
                    return
                }
            }
            #expect(try FileSystem.status(of: layout.box) == nil)
            #expect(try layout.readFleetSettings() == nil)
        }
    }
}
