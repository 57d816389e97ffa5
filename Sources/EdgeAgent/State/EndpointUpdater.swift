internal import Deployment
package import Digest
package import WallClock

/// Persist, then act: drives an endpoint's machine and hands its actions on only once the disk holds the state that
/// they belong to.
package struct EndpointUpdater: Sendable {
    /// Writes the state durably, or throws.
    package typealias Save = (EndpointState) throws -> Void

    /// What the disk holds, or would hold if it could be written.
    package private(set) var state: EndpointState
    package private(set) var machine: UpdateMachine
    /// Why the store could not be written the last time; nil when it could.
    package private(set) var storeProblem: (any Error)?
    private let boot: BootID

    private init(_ state: EndpointState, _ machine: UpdateMachine, boot: BootID) {
        self.state = state
        self.machine = machine
        self.boot = boot
    }

    /// Takes up an endpoint where the last agent left it. The actions begin with serving, whatever the store says.
    package static func start(
        _ stored: EndpointState,
        on host: SHA256Digest,
        boot: BootID,
        at clock: ClockReading,
        policy: UpdatePolicy = UpdatePolicy(),
        save: Save
    ) -> (updater: EndpointUpdater, actions: [UpdateAction]) {
        let restart = stored.restart(in: boot)
        let (machine, actions) = UpdateMachine.resume(stored.progress, on: host, policy: policy, after: restart)
        var updater = EndpointUpdater(stored, machine, boot: boot)
        var state = stored
        state.history.note(from: stored.progress, to: machine.progress, machine.note, at: clock, boot: boot)
        if updater.write(machine.progress, into: state, save) { return (updater, actions) }
        let halted = UpdateMachine.resumeHalted(stored.progress, on: host, policy: policy, after: restart)
        updater.machine = halted.machine
        return (updater, halted.actions)
    }

    /// Takes an event and says what to do now: the new state is on the disk. `elapsed` is the monotonic time since the
    /// event before; `words` say to people what the event is about, where it is something to wait for or a setback.
    ///
    /// Throws where the state does not allow the event; then nothing has changed. A store that can't be written is no
    /// error: updates halt, and what is returned keeps the endpoint served.
    package mutating func deliver(
        _ event: UpdateEvent,
        because words: String? = nil,
        after elapsed: Duration = .zero,
        at clock: ClockReading,
        save: Save
    ) throws(UpdateRefusal) -> [UpdateAction] {
        var next = machine
        let actions = try next.handle(event, after: elapsed)
        if let words { next.note = UpdateNote(next.note.reason, words) }
        let isWorthIt = next.progress.worthStoring != state.progress.worthStoring
        let isBack = machine.isHalted && !next.isHalted
        guard isWorthIt || isBack else {
            machine = next
            return actions
        }
        var written = state
        written.trouble = Self.trouble(written.trouble, words, next.progress)
        written.history.note(from: state.progress, to: next.progress, next.note, at: clock, boot: boot)
        guard write(next.progress, into: written, save) else {
            return machine.isHalted ? [] : machine.halt(losing: event)
        }
        machine = next
        return actions
    }

    /// What is in the way is told until it is not: over the way back from a switch that failed, too.
    private static func trouble(_ before: String?, _ words: String?, _ progress: UpdateProgress) -> String? {
        guard progress.attempt != nil else { return nil }
        if let words { return words.cut(toBytes: UpdateEnding.longestDetail) }
        return progress.waiting != nil || progress.state == .rollback ? before : nil
    }

    /// Changes what belongs to the endpoint besides its update: runtimes, waves, the clock's floor.
    package mutating func change(_ body: (inout EndpointState) -> Void, save: Save) throws {
        var changed = state
        body(&changed)
        try save(changed)
        state = changed
    }

    /// The agent was told to stop: what comes next is no accident.
    package mutating func stop(save: Save) throws {
        try change({ $0.isStopped = true }, save: save)
    }

    private mutating func write(_ progress: UpdateProgress, into base: EndpointState, _ save: Save) -> Bool {
        var next = base
        next.progress = progress.stored
        next.boot = boot
        next.isStopped = false
        do {
            try save(next)
            state = next
            storeProblem = nil
            return true
        } catch {
            storeProblem = error
            return false
        }
    }
}
