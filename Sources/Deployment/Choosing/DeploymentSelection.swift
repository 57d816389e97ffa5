package import Digest

/// Which of the deployments listed for an endpoint a box follows, and why not the others.
package struct DeploymentSelection: Equatable, Sendable {
    package enum Outcome: Equatable, Sendable {
        case selected(Deployment, digest: SHA256Digest)
        /// None is meant for this box.
        case none
        /// Several of the highest priority are; their serials, ascending.
        case ambiguous(serials: [Int])
        /// The one that counts, or may count, can't be read.
        case incompatible(serial: Int, DocumentError)
        /// The one that counts is older than one already accepted for its audience.
        case serialFell(serial: Int, accepted: Int)

        /// What an update ends with; nil where a deployment is selected.
        package var result: UpdateResult? {
            switch self {
            case .selected: nil
            case .none, .serialFell: .noDeployment
            case .ambiguous: .ambiguous
            case .incompatible(_, let error): error.result
            }
        }

        package var sentence: String {
            switch self {
            case .selected(let deployment, _):
                "deployment \(deployment.location.serial) is for this box: \(deployment.reason)"
            case .none: "no deployment is for this box"
            case .ambiguous(let serials):
                "deployments \(serials.map(String.init).joined(separator: " and ")) have the same priority"
            case .incompatible(_, let error): error.message
            case .serialFell(let serial, let accepted):
                "deployment \(serial) is older than deployment \(accepted), which this box has accepted"
            }
        }
    }

    /// Why a deployment is not followed.
    package enum Reason: Hashable, Sendable {
        case notForThisBox([SelectorMismatch])
        case replaced(bySerial: Int)
        case outranked(bySerial: Int, priority: Int)

        package var sentence: String {
            switch self {
            case .notForThisBox(let mismatches): mismatches.map(\.sentence).joined(separator: "; ")
            case .replaced(let serial): "deployment \(serial) has replaced it"
            case .outranked(let serial, let priority): "deployment \(serial) has the higher priority \(priority)"
            }
        }
    }

    package struct PassedOver: Hashable, Sendable {
        package let serial: Int
        package let reason: Reason
    }

    package let outcome: Outcome
    /// Those that are not followed, newest first.
    package let passedOver: [PassedOver]

    /// Design section 6: "highest wins; a tie is `ambiguous` and changes nothing".
    ///
    /// Of the deployments with one audience (the same selector and priority) only the newest takes part: it has
    /// replaced the others. One that can't be read at all blocks, since nobody knows whom it is meant for.
    package static func select(
        among candidates: [DeploymentCandidate],
        labels: Labels,
        accepted: AcceptedSerials = AcceptedSerials()
    ) -> DeploymentSelection {
        var passed: [PassedOver] = []
        var standing: [(candidate: DeploymentCandidate, audience: DeploymentAudience)] = []
        var unreadable: DeploymentSelection.Outcome?
        for candidate in candidates.sorted(by: { $0.location.serial > $1.location.serial }) {
            let serial = candidate.location.serial
            if case .unreadable(let error) = candidate.content {
                unreadable = unreadable ?? .incompatible(serial: serial, error)
            }
            guard let audience = candidate.audience else { continue }
            let mismatches = audience.selector?.mismatches(labels, in: candidate.location.channel) ?? []
            if !mismatches.isEmpty {
                passed.append(PassedOver(serial: serial, reason: .notForThisBox(mismatches)))
            } else if let newer = standing.first(where: { $0.audience == audience }) {
                let reason = Reason.replaced(bySerial: newer.candidate.location.serial)
                passed.append(PassedOver(serial: serial, reason: reason))
            } else {
                standing.append((candidate, audience))
            }
        }
        let highest = standing.map(\.audience.priority).max()
        let winners = standing.filter { $0.audience.priority == highest }
        for other in standing where other.audience.priority != highest {
            guard let winner = winners.first else { continue }
            let reason = Reason.outranked(
                bySerial: winner.candidate.location.serial,
                priority: winner.audience.priority
            )
            passed.append(PassedOver(serial: other.candidate.location.serial, reason: reason))
        }
        return DeploymentSelection(
            outcome: unreadable ?? outcome(of: winners, accepted),
            passedOver: passed.sorted { $0.serial > $1.serial }
        )
    }

    private static func outcome(
        of winners: [(candidate: DeploymentCandidate, audience: DeploymentAudience)],
        _ accepted: AcceptedSerials
    ) -> Outcome {
        guard let winner = winners.first else { return .none }
        guard winners.count == 1 else { return .ambiguous(serials: winners.map(\.candidate.location.serial).sorted()) }
        let serial = winner.candidate.location.serial
        if let newer = accepted.newer(than: serial, for: winner.audience) {
            return .serialFell(serial: serial, accepted: newer)
        }
        switch winner.candidate.content {
        case .readable(let deployment): return .selected(deployment, digest: winner.candidate.digest)
        case .audienceOnly(_, let error), .unreadable(let error): return .incompatible(serial: serial, error)
        }
    }
}
