package import Digest

/// What a box found where the rollout should lie.
package enum RolloutReading: Equatable, Sendable {
    case missing
    case unreadable(DocumentError)
    /// Verified and parsed; the digest is of its bytes.
    case read(Rollout, digest: SHA256Digest)
}

/// Why a verified rollout is not followed.
package enum RolloutRefusal: Hashable, Sendable {
    case serialFell(from: Int, to: Int)
    case epochFell(from: Int, to: Int)
    /// Two documents with one epoch.
    case epochReused(Int)
    /// It names a deployment that the repository doesn't list under that serial.
    case notListed(serial: Int)
    /// The open wave is not in the signed plan.
    case waveNotInPlan(String)
    /// An aborted deployment is to go on.
    case goesOnAfterAbort(serial: Int)

    package var sentence: String {
        switch self {
        case .serialFell(let from, let to): "the rollout's serial fell from \(from) to \(to)"
        case .epochFell(let from, let to): "the rollout's epoch fell from \(from) to \(to)"
        case .epochReused(let epoch): "the rollout changed without a higher epoch than \(epoch)"
        case .notListed(let serial): "the rollout names a deployment \(serial) that operators have not signed"
        case .waveNotInPlan(let name): "the rollout opens wave \(name), which the signed plan does not have"
        case .goesOnAfterAbort(let serial): "the rollout goes on with deployment \(serial), which was aborted"
        }
    }
}

/// Where the carrying out of one deployment stands for a box.
package enum RolloutStanding: Equatable, Sendable {
    package enum Pause: Equatable, Sendable {
        case byServer(reason: String?)
        case missing
        case unreadable(DocumentError)
        case refused(RolloutRefusal)
        /// The rollout is about another serial, and doesn't list this one as completed.
        case aboutOther(serial: Int)
    }

    /// Waves up to this one are open, an index into `effectiveWaves`; nil where none is yet.
    case running(openWave: Int?)
    /// Nothing new activates. The open wave is kept where it is known: what is under way may be prepared.
    case paused(Pause, openWave: Int?)
    case aborted(reason: String?)

    package var openWave: Int? {
        switch self {
        case .running(let wave), .paused(_, let wave): wave
        case .aborted: nil
        }
    }

    package var sentence: String {
        switch self {
        case .running: "the rollout is running"
        case .paused(.byServer(let reason), _): "the rollout is paused" + (reason.map { ": \($0)" } ?? "")
        case .paused(.missing, _): "there is no rollout for this endpoint, so nothing new activates"
        case .paused(.unreadable(let error), _): "the rollout counts as paused: \(error.message)"
        case .paused(.refused(let refusal), _): "the rollout counts as paused: \(refusal.sentence)"
        case .paused(.aboutOther(let serial), _):
            "the rollout is about deployment \(serial) and does not list this one as completed"
        case .aborted(let reason): "the rollout was aborted" + (reason.map { ": \($0)" } ?? "")
        }
    }
}

/// What a box remembers of the rollouts it followed for one channel and endpoint; the caller keeps it.
package struct RolloutMemory: Hashable, Sendable {
    package var serial = 0
    package var epoch = 0
    /// SHA-256 of the document last followed.
    package var document: SHA256Digest?
    /// Deployments that were aborted: an abort is final.
    package var aborted: Set<SHA256Digest> = []

    package init() {}

    /// Forgets aborts of deployments that the repository no longer lists.
    package mutating func keepAborts(of live: Set<SHA256Digest>) { aborted.formIntersection(live) }

    /// Design section 6: "The box enforces: serial and epoch only rise". Within a serial the epoch rises; a new serial
    /// may start anew. Nil where the document may be followed.
    func refusal(of rollout: Rollout, digest: SHA256Digest) -> RolloutRefusal? {
        if rollout.serial < serial { return .serialFell(from: serial, to: rollout.serial) }
        guard rollout.serial == serial else { return nil }
        if rollout.epoch < epoch { return .epochFell(from: epoch, to: rollout.epoch) }
        return rollout.epoch == epoch && document != nil && document != digest ? .epochReused(epoch) : nil
    }

    /// Why the content can't be what operators signed, or contradicts an abort; nil where neither.
    func refusal(of rollout: Rollout, listed: [SHA256Digest: Int]) -> RolloutRefusal? {
        guard listed[rollout.deployment] == rollout.serial else { return .notListed(serial: rollout.serial) }
        if rollout.state != .aborted, aborted.contains(rollout.deployment) {
            return .goesOnAfterAbort(serial: rollout.serial)
        }
        let again = rollout.completed.first { aborted.contains($0.deployment) }
        return again.map { .goesOnAfterAbort(serial: $0.serial) }
    }
}

extension RolloutStanding {
    /// Where `deployment` stands, and what to remember; the memory changes only by a document that is followed.
    ///
    /// Design section 6: "serial and epoch only rise, the open wave is within the signed plan"; section 5: "a rollout
    /// it can't read counts as paused". One that is missing, refused or about another deployment counts so too.
    ///
    /// - Parameter listed: every deployment that the repository lists for the endpoint, with its serial. A rollout of
    ///   one that is not listed is not followed: else a stolen server key could raise the serial for good.
    package static func judge(
        _ reading: RolloutReading,
        of deployment: Deployment,
        digest: SHA256Digest,
        listed: [SHA256Digest: Int],
        memory: RolloutMemory
    ) -> (standing: RolloutStanding, memory: RolloutMemory) {
        let rollout: Rollout
        let document: SHA256Digest
        switch reading {
        case .missing: return (.held(digest, .missing, memory), memory)
        case .unreadable(let error): return (.held(digest, .unreadable(error), memory), memory)
        case .read(let read, let digest): (rollout, document) = (read, digest)
        }
        if let refusal = memory.refusal(of: rollout, digest: document) {
            return (.held(digest, .refused(refusal), memory), memory)
        }
        var memory = memory
        if let refusal = memory.refusal(of: rollout, listed: listed)
            ?? waveOutsidePlan(rollout, of: deployment, digest: digest)
        {
            return (.held(digest, .refused(refusal), memory), memory)
        }
        memory.serial = rollout.serial
        memory.epoch = rollout.epoch
        memory.document = document
        if rollout.state == .aborted { memory.aborted.insert(rollout.deployment) }
        return (standing(rollout, of: deployment, digest: digest, memory: memory), memory)
    }

    /// A pause; but an abort that was seen holds, whatever lies there now.
    private static func held(_ digest: SHA256Digest, _ pause: Pause, _ memory: RolloutMemory) -> RolloutStanding {
        memory.aborted.contains(digest) ? .aborted(reason: nil) : .paused(pause, openWave: nil)
    }

    /// "The open wave is within the signed plan"; an abort needs no wave.
    private static func waveOutsidePlan(
        _ rollout: Rollout,
        of deployment: Deployment,
        digest: SHA256Digest
    ) -> RolloutRefusal? {
        guard rollout.deployment == digest, rollout.state != .aborted, let name = rollout.openWave else { return nil }
        return deployment.effectiveWaves.contains { $0.name == name } ? nil : .waveNotInPlan(name)
    }

    private static func standing(
        _ rollout: Rollout,
        of deployment: Deployment,
        digest: SHA256Digest,
        memory: RolloutMemory
    ) -> RolloutStanding {
        let waves = deployment.effectiveWaves
        guard rollout.deployment == digest else {
            if memory.aborted.contains(digest) { return .aborted(reason: nil) }
            let entry = Rollout.Completed(deployment: digest, serial: deployment.location.serial)
            guard rollout.completed.contains(entry) else {
                return .paused(.aboutOther(serial: rollout.serial), openWave: nil)
            }
            return .running(openWave: waves.count - 1)
        }
        let openWave = rollout.openWave.flatMap { name in waves.firstIndex { $0.name == name } }
        switch rollout.state {
        case .running: return .running(openWave: openWave)
        case .paused: return .paused(.byServer(reason: rollout.reason), openWave: openWave)
        case .aborted: return .aborted(reason: rollout.reason)
        }
    }
}
