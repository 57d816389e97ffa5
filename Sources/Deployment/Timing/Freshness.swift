internal import Diagnostics

/// How recently it was proven that the metadata is the newest.
package enum TimestampEvidence: Hashable, Sendable {
    /// The repository's timestamp was verified so long ago, by the monotonic clock.
    case verified(ago: Duration)
    /// The update came on local media; their own timestamp was judged when they were admitted.
    case media
    /// Not since the box started.
    case none
}

/// Whether Activate may rely on the metadata.
package enum Freshness: Hashable, Sendable {
    case fresh
    /// The box syncs first, and says `waitingFor(freshness)` while it can't.
    case stale(age: Duration?, limit: Duration)

    /// Design section 6: "Activate needs a timestamp verified within the last 30 minutes (the deployment may say
    /// otherwise), else the box syncs first or says `waitingFor(freshness)`; media carry their own."
    package static func judge(_ evidence: TimestampEvidence, limit: Duration) -> Freshness {
        switch evidence {
        case .media: .fresh
        case .none: .stale(age: nil, limit: limit)
        // A negative age would be another boot's clock.
        case .verified(let ago): ago >= .zero && ago <= limit ? .fresh : .stale(age: ago, limit: limit)
        }
    }

    package var sentence: String {
        switch self {
        case .fresh: "the metadata is fresh"
        case .stale(let age, let limit):
            (age.map { "the timestamp was verified \(Quantity.readable($0)) ago, " }
                ?? "the timestamp was not verified since the start, ")
                + "activating needs one within \(Quantity.readable(limit))"
        }
    }
}
