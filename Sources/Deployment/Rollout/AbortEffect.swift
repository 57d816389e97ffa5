package import Digest

/// What an aborted rollout means for a box, by how far the box had gone with it.
package enum AbortEffect: Hashable, Sendable {
    /// How far a box had gone with the aborted deployment.
    package enum Progress: String, CaseIterable, Sendable {
        /// It runs something else and had not begun.
        case untouched
        /// Preflight to Probe: the old bundle serves.
        case preparing
        /// Activate or Observe: the new bundle serves, the old one is ready to come back.
        case observing
        /// Committed.
        case committed
    }

    /// Nothing to do.
    case none
    /// The attempt ends, what runs stays.
    case cancel
    /// The signed fallback is installed and activated.
    case fallBack(to: SHA256Digest)
    /// The generation before comes back: there is no usable fallback, and the attempt was not committed.
    case rollBack
    /// What runs stays, since there is nowhere signed to go.
    case stay

    /// Design section 6: "abort leads to the signed fallback and never to a revoked digest".
    ///
    /// - Parameter fallback: what ``BundleChoice`` made of the deployment's `fallback`, which leaves out what is
    ///   revoked, below the floor or not for this box; nil where the deployment names none.
    package static func of(_ progress: Progress, fallback: BundleChoice?) -> AbortEffect {
        switch progress {
        case .untouched: return .none
        case .preparing: return .cancel
        case .observing, .committed:
            switch fallback?.outcome {
            case .chosen(let digest, _): return .fallBack(to: digest)
            case .alreadyInstalled: return .none
            case .absent, .undecided, .noneFits, nil: return progress == .observing ? .rollBack : .stay
            }
        }
    }
}
