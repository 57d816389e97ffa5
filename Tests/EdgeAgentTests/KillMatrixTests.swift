import Deployment
import Testing

@testable import EdgeAgent

/// For every state of an update: error in it, killed in it, the box down in it, hung in it, the store read-only.
@Suite struct KillMatrixTests {
    enum End: Sendable { case old, new }

    struct Row: Sendable, CustomTestStringConvertible {
        let faults: [(state: UpdateState, fault: SimulatedBox.Fault)]
        /// The states it goes through; what happens to it stands between them.
        let chain: String
        let end: End
        let result: String

        var testDescription: String { faults.map { "\($0.state.rawValue): \($0.fault)" }.joined(separator: ", then ") }
    }

    @Test(arguments: errors + kills + boxes + hangs + readOnly)
    func endsOnTheOldOrTheNew(_ row: Row) throws {
        var box = try SimulatedBox(faults: row.faults)
        try box.run()
        #expect(box.chain.joined(separator: " ") == row.chain)
        #expect(box.serving == (row.end == .old ? Sample.old : Sample.new))
        let stored = box.stored.progress
        #expect(stored.state == .idle)
        #expect(stored.generations.current?.bundle == box.serving)
        #expect(stored.last?.ending.result.code == row.result)
    }

    @Test func hasARowForEveryStateAndFault() {
        let working = Set(UpdateState.allCases).subtracting([.idle])
        for (name, rows) in [("error", errors), ("kill", kills), ("box", boxes), ("hang", hangs), ("store", readOnly)] {
            #expect(working.subtracting(rows.compactMap(\.faults.last?.state)) == [], "\(name)")
        }
    }

    enum Kind: String, CaseIterable, Sendable {
        case agentBefore, agentAfter, boxBefore, boxAfter, shutDown, hang, readOnly

        var fault: SimulatedBox.Fault {
            switch self {
            case .agentBefore: .agentKilled(afterEffect: false)
            case .agentAfter: .agentKilled(afterEffect: true)
            case .boxBefore: .boxDown(afterEffect: false)
            case .boxAfter: .boxDown(afterEffect: true)
            case .shutDown: .boxDown(afterEffect: true, isClean: true)
            case .hang: .hangs
            case .readOnly: .storeReadOnly()
            }
        }
    }

    /// Any two faults at any two actions that are near each other, in an update that goes well and in one that is
    /// rolled back. SimulatedBox expects at every step that the old or the new serves.
    @Test(arguments: Kind.allCases, [false, true])
    func survivesAnyTwoFaults(_ first: Kind, isWorse: Bool) throws {
        let verdict: [(state: UpdateState, fault: SimulatedBox.Fault)] =
            isWorse ? [(.observe, .answers(.observed(.refused("worse"))))] : []
        var undisturbed = try SimulatedBox(faults: verdict)
        try undisturbed.run()
        let count = undisturbed.actionCount
        #expect(count == (isWorse ? 13 : 12))
        for second in Kind.allCases {
            for earlier in 1...count {
                for later in (earlier + 1)...(earlier + 6) {
                    var box = try SimulatedBox(faults: verdict)
                    box.faultsByCount = [earlier: first.fault, later: second.fault]
                    try box.run()
                    let stored = box.stored.progress
                    #expect(stored.state == .idle)
                    #expect(stored.generations.current?.bundle == box.serving, "\(box.chain)")
                    #expect(stored.last != nil)
                }
            }
        }
    }
}

private typealias Row = KillMatrixTests.Row

private let wayThere: [UpdateState] = [
    .idle, .sync, .preflight, .download, .verify, .stage, .probe, .activate, .observe, .commit, .cleanup,
]

/// The way of an update that goes well up to a state.
private func to(_ state: UpdateState) -> String {
    let way = wayThere[...(wayThere.firstIndex(of: state) ?? 0)]
    return way.map(\.rawValue).joined(separator: " ")
}

/// What is left of it from a state on.
private func from(_ state: UpdateState) -> String {
    let way = wayThere[(wayThere.firstIndex(of: state) ?? 0)...]
    return (way + [.idle]).map(\.rawValue).joined(separator: " ")
}

private func row(
    _ state: UpdateState,
    _ fault: SimulatedBox.Fault,
    _ chain: String...,
    end: KillMatrixTests.End = .new,
    result: String = "successful"
) -> Row {
    Row(faults: [(state, fault)], chain: chain.joined(separator: " "), end: end, result: result)
}

/// A fault in a rollback and what follows it, after the candidate was judged in Observe.
private func backRow(_ state: UpdateState, _ fault: SimulatedBox.Fault, _ chain: String...) -> Row {
    Row(
        faults: [(.observe, .answers(.observed(.refused("worse")))), (state, fault)],
        chain: ([to(.observe), "Rollback"] + chain).joined(separator: " "),
        end: .old,
        result: "failedRollbackComplete"
    )
}

private let back = "Rollback Failure Cleanup Idle"

// MARK: - Error in it

private let errors: [Row] = [
    row(.sync, .answers(.synced(.failed(.network))), to(.sync), from(.idle)),
    row(.preflight, .answers(.preflighted(.waiting(.disk))), to(.preflight), from(.download)),
    row(.preflight, .answers(.preflighted(.failed(.helperKilled))), to(.preflight), from(.download)),
    row(
        .preflight,
        .answers(.preflighted(.incompatible(subject: "bundle", feature: "cp313"))),
        to(.preflight),
        "Failure Cleanup Idle",
        end: .old,
        result: "incompatible(bundle: cp313)"
    ),
    row(.download, .answers(.downloaded(.failed(.network))), to(.download), from(.verify)),
    row(.download, .answers(.downloaded(.waiting(.data))), to(.download), from(.verify)),
    row(.verify, .answers(.verified(.failed(.helperKilled))), to(.verify), from(.stage)),
    row(.verify, .answers(.verified(.damaged("a frame"))), to(.verify), from(.download)),
    row(
        .verify,
        .answers(.verified(.refused("x"))),
        to(.verify),
        "Failure Cleanup Idle",
        end: .old,
        result: "rejected"
    ),
    row(.stage, .answers(.staged(.failed(.disk))), to(.stage), from(.probe)),
    row(.probe, .answers(.probed(.failed(.memoryPressure))), to(.probe), from(.activate)),
    row(.probe, .answers(.probed(.waiting(.memory))), to(.probe), from(.activate)),
    row(.probe, .answers(.probed(.refused("x"))), to(.probe), "Failure Cleanup Idle", end: .old, result: "rejected"),
    row(.activate, .answers(.activated(.failed(.memoryPressure))), to(.activate), "Rollback", from(.probe)),
    row(.observe, .answers(.observed(.failed(.memoryPressure))), to(.observe), from(.commit)),
    row(
        .observe,
        .answers(.observed(.refused("x"))),
        to(.observe),
        back,
        end: .old,
        result: "failedRollbackComplete"
    ),
    row(.commit, .answers(.committed(.failed(.disk))), to(.commit), from(.cleanup)),
    backRow(.rollback, .answers(.rolledBack(.failed(.memoryPressure))), "Failure Cleanup Idle"),
    backRow(.failure, .answers(.failureKept(.failed(.disk))), "Failure Cleanup Idle"),
    row(.cleanup, .answers(.cleanedUp(.failed(.disk))), to(.cleanup), "Idle"),
]

// MARK: - Killed in it: the agent

private let kills: [Row] = [false, true].flatMap { afterEffect -> [Row] in
    let fault = SimulatedBox.Fault.agentKilled(afterEffect: afterEffect)
    return [
        row(.sync, fault, to(.sync), "killed", from(.idle)),
        row(.preflight, fault, to(.preflight), "killed", from(.preflight)),
        row(.download, fault, to(.download), "killed", from(.download)),
        row(.verify, fault, to(.verify), "killed", from(.verify)),
        row(.stage, fault, to(.stage), "killed", from(.stage)),
        row(.probe, fault, to(.probe), "killed", from(.probe)),
        row(.activate, fault, to(.activate), "killed", from(.activate)),
        row(.observe, fault, to(.observe), "killed", from(.observe)),
        row(.commit, fault, to(.commit), "killed", from(.commit)),
        row(.cleanup, fault, to(.cleanup), "killed", from(.cleanup)),
        backRow(.rollback, fault, "killed Rollback Failure Cleanup Idle"),
        backRow(.failure, fault, "Failure killed Failure Cleanup Idle"),
        backRow(.cleanup, fault, "Failure Cleanup killed Cleanup Idle"),
    ]
}

// MARK: - The box down in it

private let boxes: [Row] =
    [false, true].flatMap { afterEffect -> [Row] in
        let fault = SimulatedBox.Fault.boxDown(afterEffect: afterEffect)
        return [
            row(.sync, fault, to(.sync), "down", from(.idle)),
            row(.preflight, fault, to(.preflight), "down", from(.preflight)),
            row(.download, fault, to(.download), "down", from(.download)),
            row(.verify, fault, to(.verify), "down", from(.verify)),
            row(.stage, fault, to(.stage), "down", from(.stage)),
            // The first time is a strike, the second one a verdict.
            row(.probe, fault, to(.probe), "down", from(.probe)),
            twice(.probe, fault, to(.probe), "down Probe down Failure Cleanup Idle", result: "rejected"),
            row(.activate, fault, to(.activate), "down", from(.probe)),
            twice(.activate, fault, to(.activate), "down Probe Activate down", back, result: "failedRollbackComplete"),
            row(.observe, fault, to(.observe), "down", from(.observe)),
            twice(.observe, fault, to(.observe), "down Observe down", back, result: "failedRollbackComplete"),
            row(.commit, fault, to(.commit), "down", from(.commit)),
            row(.cleanup, fault, to(.cleanup), "down", from(.cleanup)),
            backRow(.rollback, fault, "down Rollback Failure Cleanup Idle"),
            backRow(.failure, fault, "Failure down Failure Cleanup Idle"),
        ]
    } + shutdowns

/// A strike in one state and one in another add up, and a box that is shut down in order is none.
private let shutdowns: [Row] = [
    Row(
        faults: [(.probe, .boxDown(afterEffect: false)), (.observe, .boxDown(afterEffect: false))],
        chain: [to(.probe), "down Probe Activate Observe down", back].joined(separator: " "),
        end: .old,
        result: "failedRollbackComplete"
    ),
    row(.probe, .boxDown(afterEffect: true, isClean: true), to(.probe), "shut down", from(.probe)),
    row(.activate, .boxDown(afterEffect: true, isClean: true), to(.activate), "shut down", from(.probe)),
    Row(
        faults: [
            (.observe, .boxDown(afterEffect: true, isClean: true)),
            (.observe, .boxDown(afterEffect: true, isClean: true)),
        ],
        chain: [to(.observe), "shut down Observe shut down", from(.observe)].joined(separator: " "),
        end: .new,
        result: "successful"
    ),
]

private func twice(
    _ state: UpdateState,
    _ fault: SimulatedBox.Fault,
    _ chain: String...,
    result: String
) -> Row {
    Row(faults: [(state, fault), (state, fault)], chain: chain.joined(separator: " "), end: .old, result: result)
}

// MARK: - Hung in it

private let hangs: [Row] = [
    row(.sync, .hangs, to(.sync), from(.idle)),
    row(.preflight, .hangs, to(.preflight), from(.download)),
    row(.download, .hangs, to(.download), from(.verify)),
    row(.verify, .hangs, to(.verify), from(.stage)),
    row(.stage, .hangs, to(.stage), from(.probe)),
    row(.probe, .hangs, to(.probe), from(.activate)),
    row(.activate, .hangs, to(.activate), "Rollback", from(.probe)),
    row(.observe, .hangs, to(.observe), from(.commit)),
    row(.commit, .hangs, to(.commit), from(.cleanup)),
    row(.cleanup, .hangs, to(.cleanup), "Idle"),
    backRow(.rollback, .hangs, "Failure Cleanup Idle"),
    backRow(.failure, .hangs, "Failure Cleanup Idle"),
]

// MARK: - The store turns read-only

private let readOnly: [Row] = [
    row(.sync, .storeReadOnly(), to(.sync), "Sync(halted)", from(.sync)),
    row(.preflight, .storeReadOnly(), to(.preflight), "Preflight(halted)", from(.download)),
    row(.download, .storeReadOnly(), to(.download), "Download(halted)", from(.verify)),
    row(.verify, .storeReadOnly(), to(.verify), "Verify(halted)", from(.stage)),
    row(.stage, .storeReadOnly(), to(.stage), "Stage(halted)", from(.probe)),
    row(.probe, .storeReadOnly(), to(.probe), "Probe(halted)", from(.probe)),
    row(.activate, .storeReadOnly(), to(.activate), "Activate(halted)", from(.activate)),
    row(.observe, .storeReadOnly(), to(.observe), "Observe(halted)", from(.commit)),
    row(
        .observe,
        .storeReadOnly(answering: .observed(.refused("x"))),
        to(.observe),
        "Observe(halted)",
        back,
        end: .old,
        result: "failedRollbackComplete"
    ),
    row(.commit, .storeReadOnly(), to(.commit), "Commit(halted)", from(.cleanup)),
    row(.cleanup, .storeReadOnly(), to(.cleanup), "Cleanup(halted)", "Idle"),
    backRow(.rollback, .storeReadOnly(), "Rollback(halted) Failure Cleanup Idle"),
    backRow(.failure, .storeReadOnly(), "Failure Failure(halted) Cleanup Idle"),
]
