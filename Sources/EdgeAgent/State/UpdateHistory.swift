internal import Deployment
package import Digest
package import WallClock

/// The last things that happened to an endpoint, oldest first: what an operator asks for after a bad night.
package struct UpdateHistory: Hashable, Sendable {
    /// Six to ten updates. The whole history is written at every step, so that there is no second file to lose.
    package static let capacity = 100

    /// A step of an update. Its words are kept as they were written, by whichever version of the agent.
    package struct Entry: Hashable, Sendable {
        /// Rises by one, also over entries that were dropped since.
        package var sequence: Int
        package var time: UTCTime
        /// False where `time` is only the clock's floor.
        package var isTimeTrusted: Bool
        package var boot: String
        /// The state it came to.
        package var state: String
        package var serial: Int?
        package var bundle: SHA256Digest?
        /// How the attempt ended, or what it waits for; nil for a step on the way.
        package var result: String?
        /// ``UpdateReason``, or a code of a newer agent.
        package var reason: String
        package var detail: String
    }

    package private(set) var entries: [Entry]

    package init() { entries = [] }

    init(_ entries: [Entry]) { self.entries = entries.suffix(Self.capacity) }

    /// Notes what an event made of an update, if anything that is worth a line.
    package mutating func note(
        from before: UpdateProgress,
        to after: UpdateProgress,
        _ note: UpdateNote,
        at clock: ClockReading,
        boot: BootID
    ) {
        let (before, after) = (before.stored, after.stored)
        let ending = after.attempt.map(\.ending) ?? after.last?.ending
        let isEnd = ending != nil && ending != (before.attempt.map(\.ending) ?? before.last?.ending)
        guard before.state != after.state || before.waiting != after.waiting || isEnd else { return }
        let result = after.waiting.map { UpdateResult.waitingFor($0.reason) } ?? (isEnd ? ending?.result : nil)
        let attempt = after.attempt ?? before.attempt
        let entry = Entry(
            sequence: (entries.last?.sequence ?? 0) + 1,
            time: clock.time,
            isTimeTrusted: clock.isTrusted,
            boot: boot.text,
            state: after.state.rawValue,
            serial: attempt?.candidate.serial,
            bundle: attempt?.candidate.bundle,
            result: result?.code,
            reason: note.reason.rawValue,
            detail: note.detail
        )
        entries = (entries + [entry]).suffix(Self.capacity)
    }
}
