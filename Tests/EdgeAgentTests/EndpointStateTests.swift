import Deployment
import Digest
import JSON
import Testing
import WallClock

@testable import EdgeAgent

@Suite struct EndpointStateTests {
    private static func state(_ update: UpdateState) throws -> EndpointState {
        var state = EndpointState(endpoint: try #require(Sample.endpoint))
        state.progress = try UpdateMachine.reached(update).progress.stored
        state.boot = Sample.boot(1)
        state.isStopped = true
        state.raiseClockFloor(to: Sample.noon.time)
        state.keep(WaveAssignment(deployment: Sample.new, serial: 7, waves: [0, 2]))
        let boot = try #require(Sample.boot(1))
        state.runtimes = [
            RuntimeRecord(processID: 812, startTime: 4711, boot: boot, slot: .blue, bundle: Sample.old)
        ]
        let before = UpdateMachine.atRest().progress
        state.history.note(from: before, to: state.progress, UpdateNote(.deployed, "x"), at: Sample.noon, boot: boot)
        return state
    }

    @Test(arguments: UpdateState.allCases)
    func readsWhatItWrites(_ update: UpdateState) throws {
        let state = try Self.state(update)
        let bytes = try state.encoded()
        let read = try EndpointState.parse(bytes)
        #expect(read.progress == state.progress)
        #expect(read.waves == state.waves)
        #expect(read.clockFloor == state.clockFloor)
        #expect(read.runtimes == state.runtimes)
        #expect(read.history == state.history)
        #expect(read.boot == state.boot)
        #expect(read.isStopped)
        #expect(try read.encoded() == bytes)
    }

    @Test func readsAnEndpointWithoutABundle() throws {
        let empty = EndpointState(endpoint: try #require(Sample.endpoint))
        let read = try EndpointState.parse(try empty.encoded())
        #expect(read.progress == empty.progress)
        #expect(read.boot == nil)
        #expect(read.clockFloor == nil)
    }

    /// Everything that a ledger and a wait can hold.
    @Test func keepsVerdictsStrikesAndWaits() throws {
        var machine = try UpdateMachine.reached(.observe).after([.observed(.failed(.memoryPressure))])
        machine = UpdateMachine.resume(machine.progress, on: Sample.host, after: .box(isClean: false)).machine
        var state = EndpointState(endpoint: try #require(Sample.endpoint))
        state.progress = machine.progress
        #expect(try EndpointState.parse(try state.encoded()).progress == machine.progress)
        state.progress = try machine.after([.observed(.refused("worse")), .rolledBack(.failed(.disk))]).progress
        #expect(state.progress.waiting == UpdateWait(.disk, isBackOff: true))
        #expect(try EndpointState.parse(try state.encoded()).progress == state.progress)
    }

    @Test func keepsWhatANewerAgentWrote() throws {
        let state = try Self.state(.observe)
        var value = try JSONValue.parse(try state.encoded(), limits: EndpointState.limits)
        value.set(["future"], .string("kept"))
        value.set(["update", "future"], .integer(1))
        value.set(["update", "attempt", "future"], .integer(2))
        value.set(["update", "generations", "current", "future"], .integer(3))
        let read = try EndpointState.parse(try value.canonicalBytes())
        #expect(try read.encoded() == value.canonicalBytes())

        // What was said of one attempt does not stick to the next one.
        var next = read
        next.progress = try UpdateMachine(read.progress, on: Sample.host).after([
            .observed(.passed), .committed(.done), .cleanedUp(.done), .poll,
            .synced(.candidate(UpdateCandidate(serial: 8, bundle: Sample.older))),
        ]).progress
        let written = try JSONValue.parse(try next.encoded(), limits: EndpointState.limits)
        #expect(written["future"] == .string("kept"))
        #expect(written["update"]?["attempt"]?["future"] == nil)
        #expect(written["update"]?["generations"]?["current"]?["future"] == .integer(3))
    }

    @Test func keepsUnknownMembersOfEntries() throws {
        let state = try Self.state(.observe)
        var value = try JSONValue.parse(try state.encoded(), limits: EndpointState.limits)
        var entry = try #require(value["history"]?[0])
        entry.set(["future"], .boolean(true))
        value.set(["history"], .array([entry]))
        var read = try EndpointState.parse(try value.canonicalBytes())
        let boot = try #require(Sample.boot(1))
        let after = try UpdateMachine.reached(.commit).progress
        read.history.note(from: read.progress, to: after, UpdateNote(.done), at: Sample.noon, boot: boot)
        let written = try JSONValue.parse(try read.encoded(), limits: EndpointState.limits)
        #expect(written["history"]?[0]?["future"] == .boolean(true))
        #expect(written["history"]?[1]?["state"] == .string("Commit"))
        #expect(written["history"]?[1]?["future"] == nil)
    }

    @Test(arguments: [
        "", "{}", "[]", "null", #"{"endpoint":"digits"}"#, #"{"endpoint":"../x","update":{}}"#,
        #"{"endpoint":"digits","update":{"generations":{},"state":"Dancing"}}"#,
        // An attempt without a state that has one, and the other way round.
        #"{"endpoint":"digits","update":{"generations":{},"state":"Probe"}}"#,
        #"{"endpoint":"digits","update":{"attempt":{},"generations":{},"state":"Idle"}}"#,
        #"{"endpoint":"digits","runtimes":[{"pid":0}],"update":{"generations":{},"state":"Idle"}}"#,
        #"{"endpoint":"digits","boot":"UPPER","update":{"generations":{},"state":"Idle"}}"#,
    ])
    func refusesWhatIsNoState(_ text: String) {
        #expect(throws: JSONError.self) { try EndpointState.parse(Array(text.utf8)) }
    }

    /// Whatever a disk does to the file: it is read as something, or refused.
    @Test func survivesBrokenFiles() throws {
        let bytes = try Self.state(.rollback).encoded()
        var read = 0
        for index in bytes.indices {
            var broken = bytes
            broken[index] ^= 1 << UInt8(index % 8)
            if (try? EndpointState.parse(broken)) != nil { read += 1 }
            guard index % 7 == 0 else { continue }
            #expect(throws: JSONError.self) { try EndpointState.parse(Array(bytes[..<index])) }
        }
        #expect(read < bytes.count)
    }

    @Test func tellsRestartsApart() throws {
        var state = EndpointState(endpoint: try #require(Sample.endpoint))
        let (first, second) = (try #require(Sample.boot(1)), try #require(Sample.boot(2)))
        #expect(state.restart(in: first) == .agent(isClean: true))
        state.boot = first
        #expect(state.restart(in: first) == .agent(isClean: false))
        #expect(state.restart(in: second) == .box(isClean: false))
        state.isStopped = true
        #expect(state.restart(in: first) == .agent(isClean: true))
        #expect(state.restart(in: second) == .box(isClean: true))
    }

    @Test func neverLowersTheClockFloor() throws {
        var state = EndpointState(endpoint: try #require(Sample.endpoint))
        state.raiseClockFloor(to: UTCTime(seconds: 100))
        state.raiseClockFloor(to: UTCTime(seconds: 50))
        #expect(state.clockFloor == UTCTime(seconds: 100))
    }

    @Test func remembersTheWavesOfTheNewestDeployments() throws {
        var state = EndpointState(endpoint: try #require(Sample.endpoint))
        for serial in 1...30 {
            let digest = SHA256.digest([UInt8(serial)])
            state.keep(WaveAssignment(deployment: digest, serial: serial, waves: []))
            state.keep(WaveAssignment(deployment: digest, serial: serial, waves: [1]))
        }
        #expect(state.waves.map(\.serial) == Array(15...30))
        #expect(state.waves.allSatisfy { $0.waves == [1] })
    }

    @Test func staysSmall() throws {
        var state = try Self.state(.rollback)
        let words = String(repeating: "w", count: 5000)
        let boot = try #require(Sample.boot(1))
        for _ in 0..<1000 {
            for (from, to) in [(UpdateState.preflight, UpdateState.download), (.download, .preflight)] {
                state.history.note(
                    from: try UpdateMachine.reached(from).progress,
                    to: try UpdateMachine.reached(to).progress,
                    UpdateNote(.refused, words),
                    at: Sample.noon,
                    boot: boot
                )
            }
        }
        #expect(state.history.entries.count == UpdateHistory.capacity)
        #expect(state.history.entries.last?.sequence == 2001)
        #expect(try state.encoded().count < EndpointState.limits.bytes / 5)
    }
}

extension JSONValue {
    /// Sets a member of an object within objects.
    mutating func set(_ path: [String], _ value: JSONValue) {
        guard case .object(var object) = self, let name = path.first else { return }
        if path.count == 1 {
            object[name] = value
        } else {
            var inner = object[name] ?? .null
            inner.set(Array(path.dropFirst()), value)
            object[name] = inner
        }
        self = .object(object)
    }
}
