package import BundleManifest
package import Digest

/// Why an endpoint of a box is as it is: the data behind `edgeagent why`.
///
/// Design section 6: "`why` prints this list with the state of each"; section 7: "`edgeagent why` names, for each
/// candidate, the rule that was not met".
package struct Explanation: Equatable, Sendable {
    /// What the endpoint is to become.
    package enum Wanted: Equatable, Sendable {
        case bundle(SHA256Digest, BundleName, BundleVersion, serial: Int)
        /// The endpoint is to be taken away.
        case removal(serial: Int)
        /// Nothing else than what runs.
        case nothing(UpdateResult)
    }

    /// A deployment or bundle that was not taken, and the rule that it did not meet.
    package struct PassedOver: Hashable, Sendable {
        /// `deployment 4`, or the short digest of a bundle.
        package let subject: String
        package let sentence: String
    }

    package let endpoint: EndpointName
    package let wanted: Wanted
    /// What the revocations say of the bundle that runs, which may have to stop whatever is wanted.
    package let running: RevocationEffect
    /// Every rule in the order of ``Rule``, strongest first; `notAsked` where nothing new is wanted.
    package let rules: [RuleReport]
    package let passedOver: [PassedOver]
    /// The strongest rule that waits or refuses; nil where none does, or where there is nothing to decide.
    package let deciding: RuleReport?
    /// What is reported; nil while an update is free to go on.
    package let result: UpdateResult?
    /// All of it in one sentence.
    package let sentence: String

    /// Whether fetching, staging and probing may go on.
    package let mayPrepare: Bool
    /// Whether Activate may start.
    package let mayActivate: Bool

    package init(_ facts: UpdateFacts) {
        let wanted = Self.wanted(facts)
        let isAsked = if case .nothing = wanted { false } else { true }
        let asked = Rule.allCases.map { isAsked ? Self.report($0, facts, wanted) : .notAsked($0) }
        endpoint = facts.endpoint
        self.wanted = wanted
        running = facts.running.map { facts.revocations.known.effect(onRunning: $0.digest) } ?? .none
        rules = asked
        passedOver = Self.passedOver(facts)
        let deciding = asked.first { $0.state == .refuses || $0.state == .waits }
        self.deciding = deciding
        mayPrepare = isAsked && !asked.contains { $0.stops == .everything }
        mayActivate = isAsked && asked.allSatisfy { $0.stops == .nothing }
        if case .nothing(let result) = wanted { self.result = result } else { result = deciding?.result }
        sentence = Self.sentence(facts, wanted, deciding) + Self.words(on: running)
    }

    /// A removal takes no bundle: what was found against one, and gates, have no say.
    private static func report(_ rule: Rule, _ facts: UpdateFacts, _ wanted: Wanted) -> RuleReport {
        if case .removal = wanted, rule == .gates || rule == .ownRollback { return .notAsked(rule) }
        return facts.ask(rule)
    }

    private static func wanted(_ facts: UpdateFacts) -> Wanted {
        if let result = facts.selection.outcome.result { return .nothing(result) }
        guard case .selected(let deployment, _) = facts.selection.outcome, let choice = facts.choice else {
            return .nothing(.noDeployment)
        }
        let serial = deployment.location.serial
        switch choice.outcome {
        case .chosen(let digest, let manifest):
            return .bundle(digest, manifest.name, manifest.version, serial: serial)
        case .alreadyInstalled: return .nothing(.alreadyInstalled)
        case .absent: return facts.running == nil ? .nothing(.alreadyInstalled) : .removal(serial: serial)
        case .undecided: return .nothing(.waitingFor(.network))
        case .noneFits: return .nothing(choice.passedOver.first?.reason.result ?? .noDeployment)
        }
    }

    private static func passedOver(_ facts: UpdateFacts) -> [PassedOver] {
        let deployments = facts.selection.passedOver.map {
            PassedOver(subject: "deployment \($0.serial)", sentence: $0.reason.sentence)
        }
        let bundles = (facts.choice?.passedOver ?? []).map {
            PassedOver(subject: $0.digest.short, sentence: $0.reason.sentence)
        }
        return deployments + bundles
    }

    private static func sentence(_ facts: UpdateFacts, _ wanted: Wanted, _ deciding: RuleReport?) -> String {
        let runs = facts.running.map { "\($0.name) \($0.version)" }
        let stays = runs.map { "\(facts.endpoint) stays on \($0)" } ?? "\(facts.endpoint) has no bundle"
        switch wanted {
        case .nothing(let result): return "\(stays): \(reason(facts, result))"
        case .bundle(_, let name, let version, let serial):
            guard let deciding else { return "\(facts.endpoint) goes to \(name) \(version) by deployment \(serial)" }
            return "\(stays) and does not go to \(name) \(version) of deployment \(serial): \(deciding.sentence)"
        case .removal(let serial):
            guard let deciding else { return "\(facts.endpoint) is taken away by deployment \(serial)" }
            return "\(stays) and is not taken away by deployment \(serial): \(deciding.sentence)"
        }
    }

    private static func words(on running: RevocationEffect) -> String {
        switch running {
        case .none: ""
        case .serveOn(let reason): "; what runs is revoked and serves on: \(reason)"
        case .stop(let reason): "; what runs is revoked and stops: \(reason)"
        case .replace(let digest, let reason): "; what runs is revoked, \(digest.short) takes its place: \(reason)"
        }
    }

    /// Why nothing is wanted, in the words of whoever decided it.
    private static func reason(_ facts: UpdateFacts, _ result: UpdateResult) -> String {
        guard facts.selection.outcome.result == nil else { return facts.selection.outcome.sentence }
        switch facts.choice?.outcome {
        case .noneFits:
            let first = facts.choice?.passedOver.first
            return first.map { "\($0.digest.short) is not for this box: \($0.reason.sentence)" } ?? result.sentence
        case .undecided(let digest): return "the manifest of \(digest.short) is not here yet"
        case .chosen, .alreadyInstalled, .absent, nil: return result.sentence
        }
    }
}
