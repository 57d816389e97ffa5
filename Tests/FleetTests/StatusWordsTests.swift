import Deployment
import FleetProtocol
import JSON
import Testing
import WallClock

@testable import Fleet

@Suite struct StatusWordsTests {
    private typealias Fixture = StatusFixture

    private func converged(_ report: EndpointReport) -> StatusAnswer {
        Fixture.status(Fixture.device("line-3", [report])).converged
    }

    /// Version 3 is wanted, version 2 runs, and a try ended so.
    @Test(arguments: Fixture.results)
    func everyResultHasASentence(_ result: UpdateResult) {
        let answer = converged(
            Fixture.report(wanted: Fixture.bundle(3), result: result.code, sentence: "because of X")
        )
        // What is wanted and what runs are named, whatever became of it.
        switch result {
        case .ambiguous, .incompatible: break
        default: #expect(answer.sentence.contains("digits 3 ("), "\(answer.sentence)")
        }
        #expect(answer.sentence.contains("digits 2 ("), "\(answer.sentence)")
        if answer.answer == .no || result.isWaiting {
            #expect(answer.sentence.contains("because of X"))
            #expect(answer.next != nil)
        }
        #expect(answer.answer == .waiting || !result.isWaiting)
        #expect((answer.answer == .no) == result.isFailure, "\(result)")
        #expect(answer.since == Fixture.ago(600))
        #expect(!answer.predicate.isEmpty)
    }

    @Test(arguments: WaitingReason.allCases)
    func waitingIsSaidInTheAgentsWords(_ reason: WaitingReason) {
        let answer = converged(
            Fixture.report(wanted: Fixture.bundle(3), state: "Idle", result: UpdateResult.waitingFor(reason).code)
        )
        #expect(answer.reason == "waitingFor(\(reason.rawValue))")
        #expect(answer.sentence.hasPrefix(reason.sentence))
    }

    @Test(arguments: UpdateState.allCases)
    func everyStateHasASentence(_ state: UpdateState) {
        for previous in [nil, Fixture.bundle(1)] {
            let answer = converged(
                Fixture.report(wanted: Fixture.bundle(3), previous: previous, state: state.rawValue)
            )
            #expect(answer.answer == .waiting)
            #expect(answer.sentence.contains("digits 3 ("), "\(state): \(answer.sentence)")
        }
        let removal = converged(Fixture.report(wanted: nil, state: state.rawValue))
        #expect(removal.sentence.contains("digits 2 ("))
    }

    /// The sentences as people see them. Digests are of the fixture's bundles.
    @Test func sentencesReadWell() {
        let two = Fixture.bundle(2).title
        let three = Fixture.bundle(3).title
        #expect(two.hasPrefix("digits 2 (") && two.count == "digits 2 ()".count + 12)
        let wanted = Fixture.bundle(3)
        #expect(converged(Fixture.report()).sentence == "\(two) runs, as deployment 2 wants it")
        #expect(
            converged(Fixture.report(wanted: wanted, result: "rejected", sentence: "accuracy is 0.58, the bar is 0.9"))
                .sentence
                == "\(three) was judged on this box and refused, \(two) runs on; "
                + "the box says: accuracy is 0.58, the bar is 0.9"
        )
        #expect(
            converged(Fixture.report(wanted: wanted, result: "failedRollbackComplete")).sentence
                == "\(three) did badly or was called back, and the box went back to \(two)"
        )
        #expect(
            converged(Fixture.report(running: nil, wanted: wanted, result: "failedUnableToRollBack")).sentence
                == "the update to \(three) failed, and the box could not go back: nothing runs"
        )
        #expect(
            converged(Fixture.report(wanted: wanted, result: "timedOut")).sentence
                == "the update to \(three) took longer than its deadline, \(two) runs on"
        )
        #expect(
            converged(Fixture.report(wanted: nil, result: "incompatible(bundle: aarch64)")).sentence
                == "the bundle needs aarch64, which this box lacks, \(two) runs on"
        )
        #expect(
            converged(Fixture.report(wanted: wanted, result: "waitingFor(wave)")).sentence
                == "the update waits for this box's wave: \(three) is wanted, \(two) runs on"
        )
        #expect(
            converged(Fixture.report(running: wanted, wanted: wanted, previous: Fixture.bundle(2), state: "Observe"))
                .sentence == "\(three) serves and is being observed; it goes back to \(two) if it does badly"
        )
        #expect(
            converged(Fixture.report(running: nil, wanted: nil)).sentence
                == "nothing is wanted here, and nothing runs"
        )
        #expect(
            converged(Fixture.report(running: Fixture.bundle(2, name: nil), wanted: nil)).sentence
                == "no deployment asks for anything here, and bundle \(two.suffix(13).dropLast()) runs on"
        )
        #expect(
            converged(Fixture.report(running: nil, result: "successful")).sentence
                == "\(two) is installed, and nothing runs"
        )
        #expect(
            converged(Fixture.report(wanted: wanted, result: "waitingFor(moon)")).sentence
                == "it reports \"waitingFor(moon)\" in state \"Idle\", "
                + "which this version of edgefleet does not know, and \(two) runs on"
        )
    }

    @Test func nextStepsNameEndpointAndDevice() {
        func next(_ result: String) -> String? {
            converged(Fixture.report("reader", wanted: Fixture.bundle(3), result: result)).next
        }
        #expect(
            next("rejected")
                == "look at `edgeagent why reader` on the box, mend the model, and deploy a newer version"
        )
        #expect(
            next("waitingFor(wave)")
                == "when the waves before it have done well, open its wave: `edgepack rollout REPO "
                + "--endpoint reader --channel prod --state running --open WAVE --keys KEYS`"
        )
        #expect(next("failedRollbackComplete")?.contains("--device line-3") == true)
        #expect(converged(Fixture.report()).next == nil)
    }

    // MARK: the whole device

    @Test func silenceBeginsAfterThreeIntervalsAndSomeSeconds() {
        #expect(Fixture.status(Fixture.device(seen: 210)).reachable.reason == "reporting")
        let silent = Fixture.status(Fixture.device(seen: 211))
        #expect(silent.reachable.reason == "silent")
        #expect(silent.reachable.answer == .no)
        #expect(silent.reachable.since == Fixture.ago(211))
        #expect(silent.reachable.next?.contains("10.0.0.7") == true)
        let slow = Fixture.device(seen: 211) { $0.interval = 3600 }
        #expect(Fixture.status(slow).reachable.reason == "reporting")
        // A clock that went back is no silence.
        #expect(Fixture.status(Fixture.device(seen: -5000)).reachable.reason == "reporting")
    }

    @Test func ofASilentDeviceOnlyTheLastIsKnown() {
        let rejected = Fixture.report(wanted: Fixture.bundle(3), result: "rejected")
        let status = Fixture.status(Fixture.device("line-3", [rejected, Fixture.report("other")], seen: 1000))
        for answer in [status.converged, status.healthy, status.endpoints[0].converged, status.endpoints[0].healthy] {
            #expect(answer.answer == .unknown)
            #expect(answer.reason == "unknown")
            #expect(answer.since == Fixture.ago(1000))
            #expect(answer.next == status.reachable.next)
            #expect(answer.sentence.contains("nothing was heard of it since 2026-11-20T11:43:20Z; then: "))
        }
        #expect(status.converged.sentence.hasPrefix("digits: "))
        #expect(status.converged.sentence.contains("was judged on this box and refused"))
    }

    @Test func membershipComesFirst() {
        let revoked = Fixture.status(Fixture.device(membership: .revoked))
        #expect(revoked.reachable.reason == "revoked" && revoked.reachable.answer == .no)
        #expect(revoked.reachable.next?.contains("edgefleet device decommission line-3") == true)
        #expect(revoked.converged.answer == .unknown && revoked.healthy.answer == .unknown)
        #expect(Fixture.status(Fixture.device(membership: .decommissioned)).reachable.reason == "decommissioned")
    }

    @Test func oneThatNeverReported() {
        var record = Fixture.device()
        record.report = nil
        record.endpoints = []
        let status = Fixture.status(record)
        #expect(status.reachable.reason == "neverReported" && status.reachable.answer == .unknown)
        #expect(status.reachable.since == record.enrolled)
        #expect(status.converged.sentence == "nothing is known of it: it has never reported")
        #expect(status.healthy.reason == "unknown")
        record.membership = .revoked
        #expect(Fixture.status(record).converged.sentence == "nothing is known of it: it has never reported")
    }

    @Test func behindIsWaitingAndNamesWhoKnowsMore() {
        let status = Fixture.status(Fixture.device(), newest: 9)
        #expect(status.converged.reason == "behind" && status.converged.answer == .waiting)
        #expect(
            status.converged.sentence
                == "it knows version 8 of the timestamp, line-9 knows version 9; by what it knows, "
                + "\(Fixture.bundle(2).title) runs, as deployment 2 wants it"
        )
        #expect(status.endpoints[0].converged.reason == "behind")
        // What has failed has failed, and what waits waits, whatever else is new.
        for result in ["rejected", "waitingFor(wave)"] {
            let other = Fixture.device("line-3", [Fixture.report(wanted: Fixture.bundle(3), result: result)])
            #expect(Fixture.status(other, newest: 9).converged.reason == result)
        }
        let fresh = Fixture.device { $0.metadata = nil }
        #expect(DeviceStatus(fresh, now: Fixture.now, newest: nil).converged.reason == "behind")
        let stick = Fixture.device { $0.metadata?.source = "media" }
        #expect(Fixture.status(stick, newest: 9).converged.sentence.contains("timestamp from media,"))
    }

    @Test func whoCannotSyncWaits() {
        let device = Fixture.device { checkIn in
            checkIn.sync = .init(waitingFor: "network", sentence: "no route to host", since: Fixture.ago(300))
        }
        let status = Fixture.status(device, newest: 9)
        #expect(status.converged.reason == "cannotSync" && status.converged.answer == .waiting)
        #expect(status.converged.since == Fixture.ago(300))
        #expect(
            status.converged.sentence.hasPrefix(
                "it can't follow the repository: no route to host; by what it knows, digits 2"
            )
        )
        let lost = Fixture.device { checkIn in
            checkIn.moment = .init(Fixture.at("1970-01-01T00:00:10Z"), isTrusted: false)
            checkIn.sync = .init(waitingFor: "clock", sentence: "", since: Fixture.at("1970-01-01T00:00:01Z"))
        }
        #expect(Fixture.status(lost).converged.since == nil)
        #expect(Fixture.status(lost).converged.sentence.contains("it waits for clock"))
    }

    @Test func theWorstEndpointSpeaks() {
        let status = Fixture.status(
            Fixture.device(
                "line-3",
                [
                    Fixture.report("a"),
                    Fixture.report("b", wanted: Fixture.bundle(3), result: "waitingFor(disk)"),
                    Fixture.report("c", wanted: Fixture.bundle(3), result: "rejected"),
                    Fixture.report("d", wanted: Fixture.bundle(3), result: "timedOut"),
                    Fixture.report("e", running: nil, wanted: nil),
                ]
            )
        )
        #expect(status.converged.reason == "rejected")
        #expect(status.converged.sentence.hasPrefix("c: digits 3 "))
        // One that has nothing to serve says nothing of the others.
        #expect(status.healthy.reason == "healthy")
        #expect(status.endpoints[4].healthy.reason == "idle")
    }

    @Test func aDeviceWithoutEndpointsWantsNothing() {
        let status = Fixture.status(Fixture.device("line-3", []))
        #expect(status.converged.reason == "nothingWanted" && status.converged.answer == .yes)
        #expect(status.healthy.reason == "idle")
        #expect(Fixture.status(Fixture.device("line-3", []), newest: 9).converged.reason == "behind")
        #expect(Fixture.status(Fixture.device("line-3", [], seen: 9000)).converged.sentence.contains("no endpoints"))
    }

    @Test(arguments: [
        (Fixture.report(counters: Fixture.counters(40, 0)), "of 40 requests since it began to, none ended"),
        (Fixture.report(counters: Fixture.counters(0, 0)), "no request came since it began to"),
        (Fixture.report(counters: Fixture.counters(40, 9)), "more than 5 % of the latest requests"),
        (Fixture.report(running: nil, result: "rejected", sentence: "it is ill"), "the box says: it is ill"),
        (Fixture.report(running: nil, state: "Download"), "nothing serves yet"),
        (Fixture.report(running: nil, wanted: nil), "nothing is wanted here"),
        (Fixture.report(result: "failedUnableToRollBack"), "could not go back"),
    ])
    func healthIsSaid(_ report: EndpointReport, _ words: String) {
        let answer = Fixture.status(Fixture.device("line-3", [report])).healthy
        #expect(answer.sentence.contains(words), "\(answer.sentence)")
        #expect((answer.next == nil) == (answer.answer != .no))
    }

    // MARK: words from outside

    @Test func whatABoxSaysStaysPrintableAndShort() {
        let evil = "<script>\u{1B}[2J\u{202E}" + String(repeating: "é", count: 4000)
        let report = Fixture.report(
            running: BundleReport(digest: Fixture.bundle(2).digest, name: evil, version: evil),
            wanted: BundleReport(digest: Fixture.bundle(3).digest, name: "a\nb", version: evil),
            state: "Idle",
            result: "rejected",
            sentence: evil
        )
        var device = Fixture.device("line-3", [report])
        device.report?.address = evil
        device.report?.sync = .init(waitingFor: evil, sentence: evil, since: Fixture.now)
        let status = Fixture.status(device)
        for answer in [status.reachable, status.converged, status.healthy] {
            #expect(answer.sentence.utf8.count < 8000)
            #expect(!answer.sentence.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
        }
        #expect(status.converged.sentence.contains("a\\nb"))
        let row = status.json["endpoints"]?[0]
        #expect((row?["sentence"]?.stringValue?.utf8.count ?? .max) < 2000)
        // The page of the device has it whole.
        let whole = status.members(isWhole: true)["endpoints"]?[0]?["sentence"]?.stringValue
        #expect(whole == evil)
    }

    @Test func valuesOutOfRangeDoNotTrap() {
        for seconds in [Int64.min, -1, .max] {
            for interval in [Int.min, 0, .max] {
                var device = Fixture.device()
                device.report?.lastSeen = UTCTime(seconds: seconds)
                device.report?.interval = interval
                device.report?.metadata?.timestampVersion = .max
                _ = DeviceStatus(device, now: UTCTime(seconds: .max), newest: nil).json
                _ = DeviceStatus(device, now: UTCTime(seconds: .min), newest: nil).json
            }
        }
    }

    @Test func anAnswerAsJSONHasItsSixMembers() {
        let answer = Fixture.status(Fixture.device()).reachable
        #expect(
            answer.json.objectValue?.names.sorted()
                == ["answer", "next", "predicate", "reason", "sentence", "since"]
        )
        #expect(answer.json["next"] == .null)
        #expect(answer.json["since"]?.stringValue == "2026-11-20T10:59:50Z")
    }
}
