internal import Deployment
internal import FileSystem
internal import JSON

/// What the plan was made from, as the resident can see it: while it is all the same, admitting the same metadata again
/// would come to the same plan.
///
/// A look at the repository that found nothing new may then end with `fetch`. It has verified the timestamp, its expiry
/// and all that it leads to, as at every look; what is left out is that `admit` says so a second time. `admit` is due
/// again before half of the time is over for which Activate may rely on what it verified (docs/box.md).
struct AdmissionBasis: Equatable {
    /// What `admit` reads and this program does not write.
    private var configuration: FileMark?
    /// What `admit` writes: somebody else may have had it do so.
    private var admitted: [FileMark?] = []
    /// What each endpoint has and is at, as the disk holds it.
    private var endpoints: [EndpointName: UpdateProgress]

    /// Before `admit` is begun.
    init(_ layout: StoreLayout, _ endpoints: [EndpointName: UpdateProgress]) {
        configuration = Self.mark(layout.box)
        self.endpoints = endpoints
    }

    /// Once `admit` has ended well, and before its plan is read.
    mutating func complete(_ layout: StoreLayout) {
        admitted = Self.outcomes(layout).map(Self.mark)
    }

    /// Whether nothing has changed since.
    func holds(_ layout: StoreLayout, _ endpoints: [EndpointName: UpdateProgress]) -> Bool {
        // A file that is not there or can't be looked at proves nothing.
        guard configuration != nil, let plan = admitted.first, plan != nil else { return false }
        var now = AdmissionBasis(layout, endpoints)
        now.complete(layout)
        return now == self
    }

    /// The plan, and what it follows from.
    private static func outcomes(_ layout: StoreLayout) -> [String] {
        [layout.plan, layout.memory, layout.labels, FileSystem.join(layout.metadata, "timestamp.json")]
    }

    private static func mark(_ path: String) -> FileMark? { ((try? FileSystem.status(of: path)) ?? nil)?.mark }
}

extension SyncPlan {
    /// Whether it may be followed on by the word of `fetch` alone that nothing has changed.
    ///
    /// Never while something is to be done or waited for: then every look is admitted, so that what a wave's start, a
    /// window or a clock allows is found, and Activate has evidence as fresh as the look.
    func mayStand(verified evidence: TimestampEvidence) -> Bool {
        guard source == .repository, case .verified(let ago) = evidence, ago >= .zero else { return false }
        guard endpoints.values.allSatisfy(\.isAtRest) else { return false }
        let limit = endpoints.values.map { Duration.seconds($0.freshnessSeconds) / 2 }.min()
        return ago < min(limit ?? Self.longestStand, Self.longestStand)
    }

    /// Half of how old verified metadata may be at Activate where the deployment doesn't say.
    static let longestStand = Duration.seconds(Deployment.defaultFreshnessSeconds) / 2
}

extension EndpointPlan {
    /// Whether nothing of it is to be done, now or at a time that comes.
    fileprivate var isAtRest: Bool {
        guard waiting == nil, withdrawal == nil, !stopsRunning else { return false }
        switch wanted {
        case .installed: return true
        case .bundle, .removal: return false
        case .nothing(.waitingFor): return false
        case .nothing: return true
        }
    }
}

extension HelperOutcome {
    private static let fetchLimits = JSONLimits(bytes: 64 << 10, depth: 8, values: 1000)

    /// Whether `fetch` says that it found what the store holds already. Only a plain no counts.
    static func foundNothingNew(_ printed: [UInt8]) -> Bool {
        guard let last = printed.split(separator: UInt8(ascii: "\n")).last(where: { $0.first == UInt8(ascii: "{") }),
            let value = try? JSONValue.parse(last, limits: fetchLimits), value["outcome"]?.stringValue == "done"
        else { return false }
        return value["changed"] == .boolean(false)
    }

    /// How long the repository's server wants to be left alone, as `fetch` says.
    static func retryAfter(_ printed: [UInt8]) -> Duration? {
        guard let last = printed.split(separator: UInt8(ascii: "\n")).last(where: { $0.first == UInt8(ascii: "{") }),
            let value = try? JSONValue.parse(last, limits: fetchLimits),
            let seconds = value["retryAfter"]?.integerValue, (1...86_400).contains(seconds)
        else { return nil }
        return .seconds(seconds)
    }
}
