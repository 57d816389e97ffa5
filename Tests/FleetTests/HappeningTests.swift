import FleetProtocol
import Testing

@testable import Fleet

/// Steps of updates, put together to what happened.
@Suite struct HappeningTests {
    private typealias Fixture = StatusFixture

    /// The steps of an update, oldest first, each with a result and a detail; numbers rise from `first`.
    private func steps(
        _ device: String = "line-1",
        of bundle: BundleReport,
        from first: Int64,
        _ steps: [(state: String, result: String?, detail: String)]
    ) -> [EventRecord] {
        steps.enumerated().map { offset, step in
            var report = EventReport(
                boot: "0f3c",
                sequence: Int(first) + offset,
                moment: .init(Fixture.ago(60), isTrusted: true),
                endpoint: Fixture.endpoint("digits"),
                state: step.state,
                reason: "done",
                detail: step.detail
            )
            // Name and version are in the manifest, which is not there before it was fetched.
            report.bundle = BundleReport(
                digest: bundle.digest,
                name: step.state == "Download" ? nil : bundle.name,
                version: step.state == "Download" ? nil : bundle.version,
                serial: bundle.serial
            )
            report.serial = bundle.serial
            report.result = step.result
            return EventRecord(
                id: first + Int64(offset),
                received: Fixture.ago(600 - Int(first) - offset),
                device: Fixture.id(device),
                kind: "update",
                report: report,
                hasLog: step.result == "failedRollbackComplete"
            )
        }
    }

    private let enrolled = EventRecord(
        id: 1,
        received: Fixture.ago(3600),
        device: Fixture.id("line-1"),
        kind: "enrolled",
        sentence: "enrolled with token 1"
    )

    @Test func anUpdateIsToldOnceByItsResult() {
        let refused = steps(
            of: Fixture.bundle(3),
            from: 2,
            [
                ("Download", nil, ""), ("Probe", nil, ""),
                ("Failure", "rejected", "accuracy is 0.5867, the bar is 0.9"),
                ("Cleanup", nil, ""), ("Idle", nil, "accuracy is 0.5867, the bar is 0.9"),
            ]
        )
        let back = steps(
            of: Fixture.bundle(4),
            from: 7,
            [
                ("Download", nil, ""), ("Observe", nil, ""),
                ("Rollback", "failedRollbackComplete", "it ended by itself"),
                ("Cleanup", nil, ""),
            ]
        )
        let other = steps("line-2", of: Fixture.bundle(3), from: 11, [("Cleanup", "successful", "")])
        let found = Happening.all(of: ([enrolled] + refused + back + other).reversed())
        #expect(
            found.map(\.told) == [
                "digits: \(Fixture.bundle(3).title) took over (deployment 3)",
                "digits: \(Fixture.bundle(4).title) was taken back, and what ran before serves again: "
                    + "it ended by itself (deployment 4)",
                "digits: \(Fixture.bundle(3).title) was judged on the box and refused: "
                    + "accuracy is 0.5867, the bar is 0.9 (deployment 3)",
                "enrolled with token 1",
            ]
        )
        #expect(found.map(\.telling.id) == [11, 9, 4, 1])
        #expect(found.map(\.hasEnded) == [true, true, true, true])
        #expect(found.map { $0.withLog?.id } == [nil, 9, nil, nil])
        #expect(found[1].received == Fixture.ago(591))
    }

    @Test func anUpdateUnderWaySaysHowFarItIs() {
        var events = steps(of: Fixture.bundle(3), from: 2, [("Download", nil, "")])
        let nameless = BundleReport(digest: Fixture.bundle(3).digest, name: nil, version: nil, serial: 3)
        #expect(Happening.all(of: events).map(\.told) == ["digits: \(nameless.title) is at Download (deployment 3)"])
        events += steps(of: Fixture.bundle(3), from: 3, [("Stage", nil, "")])
        let found = Happening.all(of: events.reversed())
        #expect(found.map(\.told) == ["digits: \(Fixture.bundle(3).title) is at Stage (deployment 3)"])
        #expect(found.map(\.hasEnded) == [false])
    }

    @Test func whatIsWantedAgainIsAnotherUpdate() {
        let events =
            steps(of: Fixture.bundle(3), from: 2, [("Cleanup", "successful", "")])
            + steps(of: Fixture.bundle(4), from: 3, [("Cleanup", "successful", "")])
            + steps(of: Fixture.bundle(3), from: 4, [("Observe", nil, "")])
        #expect(Happening.all(of: events.reversed()).map(\.telling.id) == [4, 3, 2])
    }

    @Test(arguments: [
        ("waitingFor(window)", "waits for its window"), ("waitingFor(lock)", "waits for a neighbour's lock"),
        ("superseded", "gave way to a newer deployment"),
        ("failedNoStateChange", "failed, and what ran before runs on"),
        ("failedUnableToRollBack", "failed, and the box could not go back"),
        ("timedOut", "took longer than its deadline"),
        ("incompatible(model: opset 99)", "is not for this box: the model needs opset 99"),
        ("ambiguous", "is one of several of the same priority"), ("noDeployment", "is wanted no more"),
        ("alreadyInstalled", "runs already"), ("\u{1b}[31mnew", "ended as \\u{1B}[31mnew"),
    ])
    func everyResultIsSaid(_ result: String, _ words: String) {
        let events = steps(of: Fixture.bundle(3), from: 2, [("Idle", result, "")])
        #expect(
            Happening.all(of: events).map(\.told) == ["digits: \(Fixture.bundle(3).title) \(words) (deployment 3)"]
        )
    }
}
