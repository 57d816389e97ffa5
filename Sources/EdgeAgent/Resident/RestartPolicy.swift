/// When a serving runtime that ended by itself is started again.
///
/// At once the first time: the listening socket holds what comes meanwhile. Then with growing pauses, so that a bundle
/// that can't run does not take the box's processor from its neighbours. A runtime that served for a while starts anew.
package struct RestartPolicy: Hashable, Sendable {
    package private(set) var crashes = 0

    /// After this time of serving, earlier crashes no longer count.
    package static let forgivenAfter = Duration.seconds(300)
    package static let longestPause = Duration.seconds(60)

    package init() {}

    /// The pause before the next start; `served` is how long the runtime had served.
    package mutating func ended(afterServing served: Duration) -> Duration {
        if served >= Self.forgivenAfter { crashes = 0 }
        crashes += 1
        guard crashes > 1 else { return .zero }
        return min(.seconds(1 << min(crashes - 2, 10)), Self.longestPause)
    }
}
