import Deployment
import Digest
import FileSystem
import Glibc
import Testing

@testable import EdgeAgent

/// docs/agent-states.md holds the machine as tables, made from the machine itself.
///
/// `UPDATE_GOLDEN=1 swift test --filter AgentStatesDocumentTests` writes them anew; read the difference before
/// committing it.
@Suite(.serialized) struct AgentStatesDocumentTests {
    private static let document: String = {
        let tests = FileSystem.parent(of: #filePath)
        return "\(FileSystem.parent(of: FileSystem.parent(of: tests)))/docs/agent-states.md"
    }()

    @Test(arguments: ["transitions", "restart", "read-only"])
    func holdsTheTable(_ name: String) throws {
        let table = try Self.table(name)
        let text = String(decoding: try FileSystem.read(Self.document, limit: 1 << 20), as: UTF8.self)
        let (opening, closing) = ("<!-- table: \(name) -->\n", "<!-- end: \(name) -->")
        let parts = text.split(separator: opening, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "docs/agent-states.md has no place for the table \(name)")
        let rest = parts[1].split(separator: closing, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(rest.count == 2)
        if getenv("UPDATE_GOLDEN") != nil {
            let written = "\(parts[0])\(opening)\(table)\(closing)\(rest[1])"
            try FileSystem.write(Array(written.utf8), to: Self.document)
        }
        #expect(String(rest[0]) == table)
    }

    private static func table(_ name: String) throws -> String {
        switch name {
        case "transitions": try transitions()
        case "restart": try restarts()
        default: try halts()
        }
    }

    /// Every allowed pair of state and event. A state that waits is shown where it answers differently.
    private static func transitions() throws -> String {
        var rows = ["| state | event | next | actions |", "|---|---|---|---|"]
        for place in try Place.all {
            for (label, event) in UpdateEvent.samples {
                guard let row = row(place.machine, event), row != place.base.flatMap({ self.row($0, event) }) else {
                    continue
                }
                rows.append("| \(place.name) | `\(label)` | \(row.next) | \(row.actions) |")
            }
        }
        return rows.joined(separator: "\n") + "\n"
    }

    private static func restarts() throws -> String {
        let restarts: [Restart] = [
            .agent(isClean: true), .agent(isClean: false), .box(isClean: true), .box(isClean: false),
        ]
        var rows = [
            "| stored state | agent stopped | agent killed | box shut down | box went down |", "|---|---|---|---|---|",
        ]
        for place in try Place.all where place.base == nil && place.machine.state != .sync {
            let cells = restarts.map { restart in
                let (machine, actions) = UpdateMachine.resume(place.machine.progress, on: Sample.host, after: restart)
                return "\(Self.name(machine)): \(Self.words(actions.filter { $0.kind != .serve }))"
            }
            rows.append("| \(place.name) | \(cells.joined(separator: " | ")) |")
        }
        let struck = try UpdateMachine.reached(.observe).struck()
        let (machine, actions) = UpdateMachine.resume(struck, on: Sample.host, after: .box(isClean: false))
        let second = "\(name(machine)): \(words(actions.filter { $0.kind != .serve }))"
        rows.append("| Observe, with a strike | | | | \(second) |")
        return rows.joined(separator: "\n") + "\n"
    }

    private static func halts() throws -> String {
        var rows = ["| state | the step that could not be stored | actions |", "|---|---|---|"]
        for place in try Place.all where place.base == nil {
            var seen: [String: [String]] = [:]
            var order: [String] = []
            for (label, event) in UpdateEvent.samples where row(place.machine, event) != nil {
                var machine = place.machine
                let actions = words(machine.halt(losing: event))
                if seen[actions] == nil { order.append(actions) }
                seen[actions, default: []].append("`\(label)`")
            }
            for (index, actions) in order.enumerated() {
                let events = index == 0 ? "any other" : seen[actions, default: []].joined(separator: ", ")
                rows.append("| \(place.name) | \(order.count == 1 ? "any" : events) | \(actions) |")
            }
        }
        return rows.joined(separator: "\n") + "\n"
    }

    private struct Row: Equatable {
        let next: String
        let actions: String
    }

    private static func row(_ machine: UpdateMachine, _ event: UpdateEvent) -> Row? {
        var next = machine
        guard let actions = try? next.handle(event) else { return nil }
        return Row(next: name(next), actions: words(actions))
    }

    static func name(_ machine: UpdateMachine) -> String {
        let passed = machine.state == .probe && machine.hasPassedProbe ? ", passed" : ""
        let waiting = machine.progress.waiting.map { $0.isBackOff ? ", pause" : ", waiting" } ?? ""
        return machine.state.rawValue + passed + waiting
    }

    private static func words(_ actions: [UpdateAction]) -> String {
        actions.isEmpty ? "–" : actions.map { "`\($0.kind.rawValue)`" }.joined(separator: ", ")
    }
}

/// Where a machine can be, as far as its answers differ.
struct Place {
    let name: String
    let machine: UpdateMachine
    /// The same without waiting.
    let base: UpdateMachine?

    static var all: [Place] {
        get throws {
            var places: [Place] = []
            for state in UpdateState.allCases {
                var machines = [try UpdateMachine.reached(state)]
                if state == .probe { machines.append(try machines[0].after([.probed(.passed)])) }
                for machine in machines {
                    places.append(Place(name: AgentStatesDocumentTests.name(machine), machine: machine, base: nil))
                    for waiting in machine.waits {
                        let name = AgentStatesDocumentTests.name(waiting)
                        places.append(Place(name: name, machine: waiting, base: machine))
                    }
                }
            }
            return places
        }
    }
}

extension UpdateMachine {
    /// The same machine waiting for a condition, and pausing after a setback, where events lead there.
    var waits: [UpdateMachine] {
        let reached = UpdateEvent.samples.compactMap { _, event -> UpdateMachine? in
            var machine = self
            guard (try? machine.handle(event)) != nil, machine.state == state, machine.progress.waiting != nil,
                machine.hasPassedProbe == hasPassedProbe
            else { return nil }
            return machine
        }
        return [false, true].compactMap { isBackOff in reached.first { $0.progress.waiting?.isBackOff == isBackOff } }
    }

    /// What is stored after the box went down once.
    func struck() -> UpdateProgress {
        UpdateMachine.resume(progress, on: host, after: .box(isClean: false)).machine.progress
    }
}
