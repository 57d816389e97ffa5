import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// What a box has to tell reaches the fleet once, whatever happens to either of them on the way.
@Suite(.programs, .oneByOne, .serialized) struct FleetFaultTests {
    private let repository: UpdateRepository

    init() throws {
        repository = try UpdateRepository()
        try repository.publish(Example.native.get().bundle)
        try repository.deploy("digits@1", "--soak", "0")
    }

    private func enrolled(_ fleet: FleetServer, runs: Bool = true) throws -> AgentBox {
        let box = try AgentBox(repository.path, root: repository.root)
        try box.succeed("enroll", "--token", try fleet.token())
        if runs {
            try box.start()
            try box.waitUntilServing(1)
        }
        return box
    }

    // MARK: - Kills

    /// Agent, sender and server are killed by chance, again and again, while one update follows the other.
    @Test func killsOfAllThreeLoseNothingAndTellNothingTwice() throws {
        try repository.add(Example.native.get().project, version: 7)
        let fleet = try FleetServer()
        let box = try enrolled(fleet)
        var history = History()
        var kills = (agent: 0, sender: 0, server: 0)
        var isServerUp = true
        var version = 1
        let clock = ContinuousClock()
        let (end, last) = (clock.now + .seconds(12), clock.now + .seconds(60))
        // However slow the machine is, each is killed.
        while clock.now < end || clock.now < last && min(kills.agent, kills.sender, kills.server) == 0 {
            try history.read(box)
            if let endpoint = try? box.endpoint(), endpoint.state == "Idle", endpoint.version == "\(version)" {
                version = 8 - version
                try repository.deploy("digits@\(version)", "--soak", "0")
            }
            switch Int.random(in: 0..<4) {
            case 0:
                try box.killAgent()
                kills.agent += 1
                try box.start()
            case 1 where isServerUp:
                try fleet.kill()
                kills.server += 1
                isServerUp = false
            case 1, 2:
                if !isServerUp { try fleet.start() }
                isServerUp = true
            default:
                // One is only there while something is under way.
                let soon = clock.now + .seconds(1)
                while clock.now < soon {
                    guard let sender = try box.sender else { continue }
                    kill(sender, SIGKILL)
                    kills.sender += 1
                    break
                }
            }
            usleep(UInt32.random(in: 0..<300_000))
        }
        if !isServerUp { try fleet.start() }
        try box.waitUntilServing(version)
        print("killed: the agent \(kills.agent), its sender \(kills.sender), the server \(kills.server) times")
        try history.read(box)
        #expect(kills.agent > 0 && kills.sender > 0 && kills.server > 0)
        #expect(history.entries.count > 20, "nothing happened: \(history.entries.count)")
        try history.expectTold(to: fleet, by: box)
        try box.stop()
    }

    // MARK: - Away

    /// While nobody listens there is an update, and one that goes back.
    @Test func whatHappensWhileTheServerIsAwayIsToldWithItsTimes() throws {
        for version in [7, 8] { try repository.add(Example.native.get().project, version: version) }
        let fleet = try FleetServer()
        let box = try enrolled(fleet)
        try fleet.wait(for: "version 1", of: box.device) { $0.runningVersion == "1" }
        try fleet.kill()
        var history = History()
        try repository.deploy("digits@7", "--soak", "0")
        try box.waitUntilServing(7)
        try repository.deploy("digits@8", "--soak", "60")
        try box.wait(for: "version 8 to serve") { $0.state == "Observe" && $0.version == "8" && $0.isServingCurrent }
        for runtime in box.runtimeProcesses { kill(runtime, SIGKILL) }
        try box.waitUntilServing(7)
        try history.read(box)
        #expect(history.entries.contains { $0.state == "Rollback" }, "\(history.entries)")
        try box.stop()
        // Two seconds later, so that times of the box and of the server differ.
        usleep(2_000_000)
        let back = try Programs.succeed("/bin/date", ["-u", "+%Y-%m-%dT%H:%M:%SZ"])
        try fleet.start()
        try box.start()
        try history.expectTold(to: fleet, by: box)
        let away = try fleet.told(box.device).filter { $0.serial == 3 }
        #expect(!away.isEmpty && away.allSatisfy { $0.received > $0.time && $0.received + "\n" >= back }, "\(away)")
        let device = try fleet.wait(for: "the rollback", of: box.device) {
            $0.answer("converged").reason == "rolledBack"
        }
        #expect(device.value["lost"]?["records"] == 0, "\(device)")
        try box.stop()
    }

    // MARK: - Certificates

    @Test func eachBadCertificateIsToldForWhatItIs() throws {
        let fleet = try FleetServer()
        let box = try enrolled(fleet)
        try fleet.wait(for: "version 1", of: box.device) { $0.runningVersion == "1" }
        try box.killAgent()
        try fleet.stop()
        try box.keepNews()
        try fleet.start()
        let good = try FileSystem.read("\(box.store)/fleet/identity.pem", limit: 1 << 16)
        let scratch = fleet.scratch
        let strangers = try scratch.folder("strangers")
        try Programs.succeed("/usr/bin/openssl", OpenSSL.authority(in: strangers))

        // None.
        #expect(try fleet.ask("/v1/checkin", nil, "{}") == .init(401, "certificate_missing"))
        try FileSystem.removeFile("\(box.store)/fleet/identity.pem")
        var result = try box.report()
        #expect(result.status == .exited(65) && result.errorText.contains("identity.pem: no such file"))
        #expect(result.errorText.contains("hint: enrol the box"))

        // Of another authority: the server ends the handshake itself.
        let other = try OpenSSL.certificate(
            of: box.device,
            by: ("\(strangers)/ca.pem", "\(strangers)/ca.key"),
            in: strangers
        )
        let handshake = try fleet.curl("/v1/checkin", other, "{}")
        #expect(!handshake.isSuccess && handshake.errorText.contains("unknown ca"), "\(handshake.errorText)")
        try box.takeIdentity(other)
        result = try box.report()
        #expect(result.status != .exited(0) && result.errorText.contains("no trusted authority"), "\(result.errorText)")

        // Of this authority, but not known.
        let unknown = try OpenSSL.certificate(
            of: box.device,
            by: (fleet.authority, "\(fleet.data)/authority.key"),
            in: try scratch.folder("unknown")
        )
        #expect(try fleet.ask("/v1/checkin", unknown, "{}") == .init(403, "certificate_unknown"))
        try box.takeIdentity(unknown)
        result = try box.reportNews()
        #expect(result.status == .exited(77) && result.errorText.contains("does not know this certificate"))

        // The good one again, and then revoked.
        try FileSystem.write(good, to: "\(box.store)/fleet/identity.pem", mode: 0o600)
        result = try box.reportNews()
        #expect(result.status == .exited(0), "\(result.errorText)")
        try fleet.succeed("device", "revoke", box.device, "--reason", "stolen")
        result = try box.reportNews()
        #expect(result.status == .exited(77) && result.errorText.contains("revoked"), "\(result.errorText)")
        // They are counted, within a second.
        let clock = ContinuousClock()
        let end = clock.now + .seconds(10)
        var missing: Set = ["certificate_missing", "certificate_unknown", "device_revoked"]
        while clock.now < end, !missing.isEmpty {
            let refusals = try fleet.api("/api/overview")["refusals"]?.arrayValue ?? []
            missing.subtract(refusals.compactMap { $0["code"]?.stringValue })
        }
        #expect(missing.isEmpty, "\(missing)")
    }

    /// Certificates of seconds: the box renews by itself, also late, also where the renewal is killed.
    @Test func anExpiredBoxRenewsByItself() throws {
        let fleet = try FleetServer("--certificate-lifetime", "10s")
        let box = try enrolled(fleet)
        try fleet.wait(for: "version 1", of: box.device) { $0.runningVersion == "1" }
        try box.killAgent()
        try fleet.stop()
        try box.keepNews()
        try fleet.start()
        let identity = "\(box.store)/fleet/identity.pem"
        let old = try FileSystem.read(identity, limit: 1 << 16)
        let file = try fleet.scratch.write(String(decoding: old, as: UTF8.self), to: "old.pem")
        usleep(11_000_000)
        #expect(try fleet.ask("/v1/checkin", (key: file, certificate: file), "{}") == .init(403, "certificate_expired"))
        // Killed at any moment of its work; each begins with the old one.
        var (killed, renewed) = (0, 0)
        for attempt in 1...8 {
            try FileSystem.write(old, to: identity, mode: 0o600)
            try box.news()
            let sender = try ChildProcess(
                ProcessSpecification(
                    program: Programs.edgeagentSync,
                    arguments: ["report", "--store", box.store],
                    environment: Programs.environment,
                    descriptors: [1: 2],
                    group: .new
                )
            )
            usleep(UInt32(attempt) * 15_000)
            if !sender.hasEnded { killed += 1 }
            _ = try sender.killAndWait()
            if try FileSystem.read(identity, limit: 1 << 16) != old { renewed += 1 }
            // What the kill has left is good, whichever it is.
            let after = try box.reportNews()
            #expect(after.status == .exited(0), "\(after.errorText)")
        }
        print("killed \(killed) of 8 renewals, \(renewed) had renewed")
        try FileSystem.write(old, to: identity, mode: 0o600)
        let result = try box.reportNews()
        #expect(result.status == .exited(0), "\(result.errorText)")
        #expect(result.outputText.contains(#""renewed":true"#), "\(result.outputText)")
        // And before it ends, with an agent.
        try box.start()
        let before = try fleet.device(box.device).value["certificates"]
        try fleet.wait(for: "another certificate", of: box.device, seconds: 20) {
            $0.value["certificates"] != before
        }
        #expect(!box.logText.contains("report: "), "\(box.logText)")
        try box.stop()
    }

    /// Another name, another certificate, the same authority.
    @Test func boxesGoOnWhereTheServerHasAnotherCertificate() throws {
        let fleet = try FleetServer()
        let box = try enrolled(fleet)
        try fleet.wait(for: "version 1", of: box.device) { $0.runningVersion == "1" }
        let before = try FileSystem.read("\(fleet.data)/server.pem", limit: 1 << 16)
        try fleet.stop()
        fleet.more += ["--url", "https://fleet.example.com:\(fleet.port)"]
        try fleet.start()
        #expect(try FileSystem.read("\(fleet.data)/server.pem", limit: 1 << 16) != before)
        let seen = try fleet.device(box.device).value["lastSeen"]
        try fleet.wait(for: "a check-in", of: box.device) { $0.value["lastSeen"] != seen }
        try box.stop()
    }

    // MARK: - Bad input

    @Test func whateverADeviceSaysIsTextAndNothingIsLost() throws {
        let fleet = try FleetServer()
        let identity = try fleet.enrolByHand("camera-1")
        _ = try fleet.enrolByHand("camera-2")
        let evil = "<script>alert(1)</script>'; DROP TABLE devices; --\u{1B}[31m\u{07}\u{202E}"
        func checkIn(
            _ device: String,
            _ sequence: Int,
            site: String = "oslo",
            events: JSONValue = []
        ) throws -> FleetServer.Refused {
            let bundle: JSONValue = [
                "digest": .string(String(repeating: "ab", count: 32)), "name": .string(evil), "version": .string(evil),
                "serial": 1,
            ]
            let body: JSONValue = [
                "schema": 1, "device": .string(device), "boot": "6f1d", "sequence": .integer(Int64(sequence)),
                "time": "2026-11-20T12:00:00Z", "clock": "trusted", "interval": 60,
                "facts": [
                    "agent": .string(evil), "machine": .string(evil), "kernel": .string(evil), "system": .string(evil),
                    "processors": 4, "memoryBytes": 8_000_000, "uptime": 3600,
                ], "channel": "prod", "labels": ["site": .string(site)], "metadata": .null,
                "sync": ["waitingFor": .string(evil), "sentence": .string(evil), "since": "2026-11-20T12:00:00Z"],
                "endpoints": [
                    [
                        "name": "main", "listen": .string(evil), "running": bundle, "wanted": bundle, "previous": .null,
                        "state": .string(evil), "since": .null, "result": .string(evil), "sentence": .string(evil),
                        "containment": .string(evil), "counters": .null,
                    ]
                ], "events": events, "lost": ["records": 0, "bytes": 0],
            ]
            return try fleet.ask("/v1/checkin", identity, String(decoding: body.compactBytes(), as: UTF8.self))
        }
        let event: JSONValue = [
            "boot": "6f1d", "sequence": 1, "time": "2026-11-20T12:00:00Z", "clock": "trusted", "endpoint": "main",
            "state": .string(evil), "reason": .string(evil), "detail": .string(evil), "serial": 1, "bundle": .null,
            "result": .string(evil), "log": .string("\(evil)\n\(evil)"),
        ]
        let taken = try checkIn("camera-1", 1, events: [event])
        #expect(taken == .init(200, ""))
        // A label is no text of any kind.
        #expect(try checkIn("camera-1", 2, site: evil) == .init(400, "malformed"))
        // Another's name in the body.
        #expect(try checkIn("camera-2", 2) == .init(403, "device_mismatch"))
        #expect(try fleet.device("camera-2").value["lastSeen"] == .null)
        let log: JSONValue = [
            "resourceLogs": [["scopeLogs": [["logRecords": [["body": ["stringValue": .string(evil)]]]]]]]
        ]
        #expect(
            try fleet.ask("/v1/logs", identity, String(decoding: log.compactBytes(), as: UTF8.self)) == .init(200, "")
        )
        let others: JSONValue = [
            "resourceLogs": [
                [
                    "resource": [
                        "attributes": [["key": "device.id", "value": ["stringValue": "camera-2"]]]
                    ], "scopeLogs": [],
                ]
            ]
        ]
        #expect(
            try fleet.ask("/v1/logs", identity, String(decoding: others.compactBytes(), as: UTF8.self))
                == .init(403, "device_mismatch")
        )

        // It is told as it came, as text.
        let device = try fleet.device("camera-1").value
        #expect(device["ownLabels"]?["site"]?.stringValue == "oslo")
        #expect(device["endpoints"]?[0]?["sentence"]?.stringValue == evil)
        #expect(device["logs"]?[0]?["body"]?.stringValue == evil)
        #expect(device["events"]?.arrayValue?.contains { $0["detail"]?.stringValue == evil } == true)
        for words in [
            ["devices"], ["device", "show", "camera-1"], ["status"], ["status", "camera-1"], ["events"],
            ["where", String(repeating: "ab", count: 32)], ["audit", "list"],
        ] {
            let result = try Programs.run(Programs.edgefleet, words + ["--data", fleet.data])
            let text = result.outputText + result.errorText
            #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" }, "\(words): \(text)")
            #expect(!text.unicodeScalars.contains("\u{202E}"), "\(words): \(text)")
        }
        let page = try Programs.succeed("/usr/bin/curl", ["-sSf", "-m", "10", fleet.dashboard + "/"])
        #expect(!page.contains("alert(1)"))

        // Too large, cut short, too deep, and what unpacks to very much.
        let scratch = fleet.scratch
        let huge = try scratch.write(#"{"x":""# + String(repeating: "a", count: 600 << 10) + "\"}", to: "huge")
        #expect(try fleet.ask("/v1/checkin", identity, "@\(huge)") == .init(413, "too_large"))
        #expect(try fleet.ask("/v1/checkin", identity, #"{"schema":1,"dev"#) == .init(400, "malformed"))
        let deep = try scratch.write(String(repeating: "[", count: 200_000), to: "deep")
        #expect(try fleet.ask("/v1/checkin", identity, "@\(deep)") == .init(400, "malformed"))
        #expect(try fleet.ask("/v1/metrics", identity, "@\(deep)") == .init(400, "malformed"))
        try Programs.succeed(
            "/bin/sh",
            ["-c", "head -c 100000000 /dev/zero | gzip -9 > \"$1\"", "sh", scratch("bomb")]
        )
        for path in ["/v1/checkin", "/v1/metrics", "/v1/logs"] {
            let refused = try fleet.ask(path, identity, "@\(scratch("bomb"))", "-H", "Content-Encoding: gzip")
            #expect(refused == .init(413, "too_large"), "\(path): \(refused)")
            let cut = try fleet.ask(path, identity, "no gzip", "-H", "Content-Encoding: gzip")
            #expect(cut == .init(400, "malformed"), "\(path): \(cut)")
        }
        // And it goes on as before.
        #expect(try checkIn("camera-1", 3) == .init(200, ""))
        #expect(try fleet.told("camera-1").count == 1)
        #expect(try fleet.run("audit", "verify").status == .exited(0))
        try fleet.stop()
    }

    // MARK: - Full disks

    @Test func aServerWithoutRoomAcknowledgesNothingAndCatchesUp() throws {
        let fleet = try FleetServer()
        let box = try enrolled(fleet)
        try fleet.wait(for: "version 1", of: box.device) { $0.runningVersion == "1" }
        try fleet.stop()
        guard let disk = try SmallDisk(at: fleet.data, size: "8m") else { return }
        try fleet.start()
        try disk.fill()
        try repository.add(Example.native.get().project, version: 7)
        try repository.deploy("digits@7", "--soak", "0")
        try box.waitUntilServing(7)
        let clock = ContinuousClock()
        let end = clock.now + .seconds(20)
        while !box.logText.contains("report: "), clock.now < end { usleep(50_000) }
        let words = box.logText.split(separator: "\n").last { $0.contains("report: ") } ?? ""
        #expect(words.contains("can't write"), "\(words)")
        #expect(fleet.logText.contains("no room to write"), "\(fleet.logText)")
        try disk.makeRoom()
        var history = History()
        try history.read(box)
        try history.expectTold(to: fleet, by: box)
        try fleet.wait(for: "version 7", of: box.device) { $0.runningVersion == "7" }
        #expect(try fleet.run("audit", "verify").status == .exited(0))
        try box.stop()
        try fleet.stop()
    }

    @Test func aBoxWithoutRoomScoresAndSaysWhatItLost() throws {
        let fleet = try FleetServer()
        let box = try AgentBox(repository.path, root: repository.root, more: "disk: {reserve: 1MiB}")
        guard let disk = try SmallDisk(at: box.store, size: "128m") else { return }
        // While the disk is there, which tells what runs.
        defer {
            try? box.killAgent()
            for runtime in box.runtimeProcesses { kill(runtime, SIGKILL) }
        }
        try box.succeed("enroll", "--token", try fleet.token())
        try box.start()
        try box.waitUntilServing(1)
        try fleet.wait(for: "version 1", of: box.device) { $0.runningVersion == "1" }
        try disk.fill()
        let request = try Example.native.get().request("seven")
        for _ in 0..<30 {
            #expect(try box.score("/v2/models/digits/infer", request).status == 200)
            usleep(100_000)
        }
        try disk.makeRoom()
        try repository.add(Example.native.get().project, version: 7)
        try repository.deploy("digits@7", "--soak", "0")
        try box.waitUntilServing(7)
        let device = try fleet.wait(for: "version 7 and losses", of: box.device) {
            $0.runningVersion == "7" && $0.value["lost"]?["records"]?.integerValue ?? 0 > 0
        }
        print("lost on a full disk: \(device.value["lost"]?["records"]?.integerValue ?? 0) records")
        var history = History()
        try history.read(box)
        try history.expectTold(to: fleet, by: box, losses: true)
        #expect(box.logText.contains("the disk is full"))
        try box.stop()
    }

    // MARK: - Operators and load

    @Test func operatorsWorkAtOnceWhileManyBoxesReport() throws {
        let fleet = try FleetServer()
        let token = try fleet.token("--uses", "60")
        let simulation = try ChildProcess(
            ProcessSpecification(
                program: Programs.edgefleet,
                arguments: [
                    "simulate", "--token", token, "--count", "60", "--interval", "1s", "--duration", "6s",
                ],
                environment: Programs.environment,
                descriptors: [1: 2, 2: 2],
                group: .new
            )
        )
        defer { _ = try? simulation.killAndWait() }
        let clock = ContinuousClock()
        let end = clock.now + .seconds(20)
        var ids: [String] = []
        while clock.now < end, ids.count < 60 {
            let devices = try fleet.api("/api/devices?limit=500")["devices"]?.arrayValue ?? []
            ids = devices.compactMap { $0["id"]?.stringValue }
        }
        #expect(ids.count == 60)
        // Two at each time.
        let script = """
            set -e
            for n in 1 2 3 4 5 6; do
                "$1" device label "$3" "by$4=$n" --data "$2"
                "$1" token create --data "$2"
            done
            "$1" device revoke "$5" --reason test --data "$2"
            """
        let operators = try (0..<2).map { number in
            try ChildProcess(
                ProcessSpecification(
                    program: "/bin/sh",
                    arguments: [
                        "-c", script, "sh", Programs.edgefleet, fleet.data, ids[0], "\(number)", ids[1 + number],
                    ],
                    environment: Programs.environment,
                    descriptors: [1: 2, 2: 2],
                    group: .new
                )
            )
        }
        for person in operators { #expect(try person.wait(upTo: .seconds(60)) == .exited(0)) }
        #expect(try simulation.wait(upTo: .seconds(60)) != nil)
        let labels = try fleet.device(ids[0]).value["labels"]
        #expect(labels?["by0"]?.stringValue == "6" && labels?["by1"]?.stringValue == "6", "\(labels ?? .null)")
        for id in ids[1...2] { #expect(try fleet.device(id).answer("reachable").reason == "revoked") }
        let verdict = try fleet.run("audit", "verify")
        #expect(verdict.status == .exited(0), "\(verdict.outputText)")
        let made = try fleet.succeed("audit", "list", "--limit", "1000").split(separator: "\n")
        #expect(made.count { $0.contains("token.create") } == 13)
        #expect(made.count { $0.contains("device.label") } == 12)
        try fleet.stop()
    }

    // MARK: - Measurements

    @Test func whatTheFleetShowsIsWhatWasScored() throws {
        let fleet = try FleetServer()
        let box = try enrolled(fleet)
        let request = try Example.native.get().request("seven")
        for _ in 0..<37 { #expect(try box.score("/v2/models/digits/infer", request).status == 200) }
        let device = try fleet.wait(for: "37 requests", of: box.device) { _ in
            try fleet.newest("edge.ml.requests", of: box.device) == 37
        }
        #expect(device.value["endpoints"]?[0]?["name"]?.stringValue == UpdateRepository.endpoint)
        #expect(try fleet.newest("edge.ml.errors", of: box.device) == 0)
        #expect(try fleet.newest("edge.ml.restarts", of: box.device) == 0)
        #expect(try fleet.newest("edge.ml.inference.duration.count", of: box.device) == 37)
        let seconds = try #require(try fleet.newest("edge.ml.inference.duration.sum", of: box.device))
        #expect(seconds > 0 && seconds < 37)
        let zones = (try? FileSystem.names(in: "/sys/class/thermal")) ?? []
        if zones.contains(where: { $0.hasPrefix("thermal_zone") }) {
            let temperature = try #require(try fleet.newest("hw.temperature", of: box.device))
            #expect(temperature > -60 && temperature < 150)
        } else {
            print("not judged: hw.temperature, this machine has no thermal zone")
        }
        try box.stop()
    }
}

// MARK: - What a box did, and what the fleet was told

/// A step of an update, as both sides show it.
private struct Step: Equatable, CustomStringConvertible {
    let state: String
    let reason: String
    let detail: String
    let result: String?
    let serial: Int?
    let time: String
    let bundle: String?
    /// By the fleet alone.
    var received = ""

    /// - Parameter bundle: its digest.
    init(_ value: JSONValue, bundle: JSONValue?) {
        state = value["state"]?.stringValue ?? ""
        reason = value["reason"]?.stringValue ?? ""
        detail = value["detail"]?.stringValue ?? ""
        result = value["result"]?.stringValue
        serial = value["serial"]?.integerValue.map { Int($0) }
        time = value["time"]?.stringValue ?? ""
        self.bundle = bundle?.stringValue
    }

    static func == (left: Step, right: Step) -> Bool { left.description == right.description }

    var description: String {
        "\(state)|\(reason)|\(detail)|\(result ?? "-")|\(serial ?? 0)|\(time)|\(bundle?.prefix(8) ?? "-")"
    }
}

/// Everything that a box has noted; the box itself keeps its newest hundred.
private struct History {
    private var known: [Int64: Step] = [:]
    var entries: [Step] { known.sorted { $0.key < $1.key }.map(\.value) }

    mutating func read(_ box: AgentBox) throws {
        let text = try Programs.succeed(Programs.edgeagent, ["history", "--store", box.store, "--json"])
        let value = try JSONValue.parse(text.utf8, limits: .document)
        for entry in value[UpdateRepository.endpoint]?.arrayValue ?? [] {
            guard let number = entry["sequence"]?.integerValue else { continue }
            known[number] = Step(entry, bundle: entry["bundle"])
        }
    }

    /// Each entry once, in order.
    mutating func expectTold(to fleet: FleetServer, by box: AgentBox, losses: Bool = false) throws {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(60)
        var told: [Step] = []
        repeat {
            usleep(100_000)
            try read(box)
            told = try fleet.told(box.device)
        } while told.count < entries.count && clock.now < end
        #expect(told == entries, "the box's:\n\(entries)\nthe fleet's:\n\(told)\n\(box.logText)\n\(fleet.logText)")
        if !losses { #expect(try fleet.device(box.device).value["lost"]?["records"] == 0) }
        print("\(told.count) steps told, each once")
    }
}

extension FleetServer {
    /// Steps that a device has told, the oldest first.
    fileprivate func told(_ id: String) throws -> [Step] {
        var all: [Step] = []
        var before = ""
        while true {
            let events = try api("/api/events?device=\(id)&limit=100\(before)")["events"]?.arrayValue ?? []
            for event in events where event["kind"]?.stringValue == "update" {
                var step = Step(event, bundle: event["bundle"]?["digest"])
                step.received = event["received"]?.stringValue ?? ""
                all.append(step)
            }
            guard let last = events.last?["id"]?.integerValue else { return all.reversed() }
            before = "&before=\(last)"
        }
    }

    /// What the fleet answered: a status, and the code of an error.
    struct Refused: Equatable, CustomStringConvertible {
        let status: Int
        let code: String
        var message = ""

        var description: String { "\(status) \(code) \(message)" }

        static func == (left: Refused, right: Refused) -> Bool {
            left.status == right.status && left.code == right.code
        }

        init(_ status: Int, _ code: String) {
            self.status = status
            self.code = code
        }
    }

    /// A request with somebody's identity, by curl. `@FILE` as the body is a file.
    fileprivate func curl(
        _ path: String,
        _ identity: (key: String, certificate: String)?,
        _ body: String,
        _ more: [String] = []
    ) throws -> ProcessResult {
        let who = identity.map { ["--cert", $0.certificate, "--key", $0.key] } ?? []
        return try Programs.run(
            "/usr/bin/curl",
            ["-sS", "-m", "20", "--cacert", authority, "-w", "\n%{http_code}", "-H", "Content-Type: application/json"]
                + ["--data-binary", body] + who + more + [url + path]
        )
    }

    fileprivate func ask(
        _ path: String,
        _ identity: (key: String, certificate: String)?,
        _ body: String,
        _ more: String...
    ) throws -> Refused {
        let result = try curl(path, identity, body, more)
        let lines = result.outputText.split(separator: "\n").map(String.init)
        guard let status = lines.last.flatMap({ Int($0) }), status != 0 else {
            throw Unexpected(what: "\(path): \(result.outputText)\(result.errorText)")
        }
        let answer = lines.first.flatMap { try? JSONValue.parse($0.utf8, limits: .document) }
        var refused = Refused(status, answer?["error"]?["code"]?.stringValue ?? "")
        refused.message = answer?["error"]?["message"]?.stringValue ?? ""
        return refused
    }

    /// The newest value of a series of a device.
    fileprivate func newest(_ name: String, of id: String) throws -> Double? {
        let all = try api("/api/devices/\(id)/metrics?hours=1")["series"]?.arrayValue ?? []
        let points = all.filter { $0["name"]?.stringValue == name }.compactMap { $0["points"]?.arrayValue?.last }
        return points.max { ($0[0]?.doubleValue ?? 0) < ($1[0]?.doubleValue ?? 0) }?[1]?.doubleValue
    }
}

extension AgentBox {
    /// The process that sends what waits, while there is one.
    fileprivate var sender: Int32? {
        get throws {
            let words = "edgeagent-sync report --store \(store)"
            return try Programs.run("/usr/bin/pgrep", ["-f", words]).outputText.split(separator: "\n").first.flatMap {
                Int32($0)
            }
        }
    }

    fileprivate func report() throws -> ProcessResult {
        try Programs.run(Programs.edgeagentSync, ["report", "--store", store])
    }

    /// Keeps what waits in the spool while nobody takes it, for ``news()``.
    fileprivate func keepNews() throws {
        _ = try command("sync")
        try scratch.copy("\(store)/spool", as: "news")
    }

    /// The box, whose agent does not run, has something to tell: what it has told before, as far as it knows not.
    fileprivate func news() throws {
        try FileSystem.removeTree("\(store)/spool")
        try scratch.copy(scratch("news"), as: "box/spool")
    }

    fileprivate func reportNews() throws -> ProcessResult {
        try news()
        return try report()
    }

    /// Has the box show another key and certificate.
    fileprivate func takeIdentity(_ identity: (key: String, certificate: String)) throws {
        let bytes = try [identity.key, identity.certificate].flatMap { try FileSystem.read($0, limit: 1 << 16) }
        try FileSystem.write(bytes, to: "\(store)/fleet/identity.pem", mode: 0o600)
    }
}

/// What openssl does for somebody who is not the fleet.
private enum OpenSSL {
    /// Arguments that make an authority of its own in a folder.
    static func authority(in folder: String) -> [String] {
        [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            "\(folder)/ca.key", "-out", "\(folder)/ca.pem", "-subj", "/CN=strangers", "-days", "1",
        ]
    }

    /// A client's certificate of an authority.
    static func certificate(
        of device: String,
        by authority: (certificate: String, key: String),
        in folder: String
    ) throws -> (key: String, certificate: String) {
        let (key, request, certificate) = ("\(folder)/d.key", "\(folder)/d.csr", "\(folder)/d.pem")
        try Programs.succeed(
            "/usr/bin/openssl",
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                "-out", request, "-subj", "/CN=\(device)",
            ]
        )
        let extensions = """
            subjectAltName=URI:urn:edge:device:\(device)
            extendedKeyUsage=clientAuth
            keyUsage=critical,digitalSignature
            basicConstraints=critical,CA:FALSE

            """
        try FileSystem.write(Array(extensions.utf8), to: "\(folder)/extensions")
        try Programs.succeed(
            "/usr/bin/openssl",
            [
                "x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key, "-days", "1",
                "-extfile", "\(folder)/extensions", "-out", certificate,
            ]
        )
        return (key, certificate)
    }
}
