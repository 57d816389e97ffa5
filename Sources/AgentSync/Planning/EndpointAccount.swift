internal import BundleManifest
package import Deployment
internal import Diagnostics
package import Digest
package import EdgeAgent
internal import FileSystem
package import JSON

/// Why an endpoint is as it is: what was admitted, and what the resident agent has noted of it.
package struct EndpointAccount: Sendable {
    package let explanation: Explanation
    /// All of it in one sentence.
    package let sentence: String
    /// Where the update under way has got to; nil where there is none.
    package let state: UpdateState?
    /// How the last try ended.
    package let last: EndedAttempt?

    /// Accounts of all endpoints, or of one. Throws where nothing was admitted yet, or there is no such endpoint.
    package static func all(_ store: SyncStore, only endpoint: EndpointName? = nil) throws -> [EndpointAccount] {
        if let endpoint, store.box.endpoints[endpoint] == nil { throw StoreError.noEndpoint(name: endpoint.text) }
        let files = try AgentStore(store.layout)
        let problem = words(on: SyncProblem.noted(in: store.layout), AgentCall.presence(store.layout))
        guard let admitted = try files.plan() else {
            let words = "no metadata was admitted yet, so nothing is known to be wanted"
            throw SyncFailure(
                .refused(words + (problem ?? "")),
                hint: "run edgeagent-sync fetch and edgeagent-sync admit",
                exitCode: .noInput
            )
        }
        let memory = try store.memory()
        let documents = try ReadDocuments(stored: store, memory: memory)
        let maker = PlanMaker(
            box: store.box,
            capabilities: BoxFacts.capabilities(of: store.box),
            documents: documents,
            memory: memory,
            situations: try store.situations(documents),
            clock: BoxFacts.clock(floor: memory.floor)
        )
        let host = HostFacts.fingerprint(python: store.box.programs.python).digest
        return try store.box.endpoints.keys.sorted().filter { endpoint == nil || $0 == endpoint }.map { name in
            let evidence = try evidence(admitted)
            return EndpointAccount(maker, name, try files.state(of: name), evidence, host: host, problem: problem)
        }
    }

    private static func evidence(_ plan: SyncPlan) throws -> TimestampEvidence {
        guard plan.source == .repository else { return .media }
        guard try HostFacts.boot() == plan.verified.boot else { return .none }
        return .verified(ago: HostFacts.bootTime() - .milliseconds(plan.verified.milliseconds))
    }

    /// - Parameters:
    ///   - host: digest of the fingerprint that verdicts are kept against.
    ///   - problem: why what was admitted may not be today's.
    package init(
        _ maker: PlanMaker,
        _ endpoint: EndpointName,
        _ stored: EndpointState,
        _ evidence: TimestampEvidence,
        host: SHA256Digest,
        problem: String? = nil
    ) {
        let finding = maker.judge(endpoint)
        let plan = maker.plan(finding)
        let progress = stored.progress
        var facts = maker.updateFacts(finding)
        facts.gates = .notProbed
        if let deployment = finding.deployment {
            facts.freshness = .judge(evidence, limit: deployment.freshness)
            if case .chosen(let bundle, _)? = finding.choice?.outcome {
                let key = AttemptKey(serial: deployment.location.serial, bundle: bundle, host: host)
                facts.retry = progress.ledger.decision(likelyFor: key)
                if let attempt = progress.attempt, attempt.candidate.bundle == bundle, attempt.probedOn != nil {
                    facts.gates = .probed(.passed)
                }
            }
        }
        if let waiting = progress.waiting, !waiting.isBackOff,
            [.disk, .memory, .power, .data, .network].contains(waiting.reason)
        {
            facts.shortages = [
                Shortage(
                    reason: waiting.reason,
                    stops: .everything,
                    sentence: stored.trouble ?? waiting.reason.sentence
                )
            ]
        }
        explanation = Explanation(facts)
        state = progress.attempt == nil ? nil : progress.state
        last = progress.last
        let trouble = explanation.deciding?.sentence == stored.trouble ? nil : stored.trouble
        sentence = Self.sentence(explanation, finding, plan) + Self.words(on: state, trouble) + (problem ?? "")
    }

    /// The plan knows ways that the rules don't: back to a fallback, to what replaces a revoked bundle, or nowhere for
    /// lack of an acceptance set.
    private static func sentence(
        _ explanation: Explanation,
        _ finding: EndpointFinding,
        _ plan: EndpointPlan
    ) -> String {
        if case .removal(let serial) = plan.wanted, let result = plan.result {
            return "\(explanation.endpoint) is not taken away by deployment \(serial): \(result.sentence)"
        }
        if case .aborted = finding.rollout { return plan.sentence }
        if case .replace = explanation.running { return plan.sentence }
        if case .nothing = plan.wanted, explanation.deciding == nil { return plan.sentence }
        return explanation.sentence
    }

    private static func words(on state: UpdateState?, _ trouble: String?) -> String {
        state.map { "; the update is in \($0.rawValue)" + (trouble.map { ": \($0)" } ?? "") } ?? ""
    }

    /// The end of a sentence: what keeps the box from knowing more, or from doing anything.
    private static func words(on problem: SyncProblem?, _ presence: AgentPresence?) -> String? {
        if case .halted(let why)? = presence { return "; updates stand still: \(why)" }
        return problem.map { "; nothing newer is known since \($0.since): \($0.sentence)" }
    }
}

extension EndpointAccount {
    package var json: JSONValue {
        let rules = explanation.rules.map { rule -> JSONValue in
            [
                "rule": .string(rule.rule.rawValue), "state": .string(rule.state.rawValue),
                "stops": .string(rule.stops.rawValue), "sentence": .string(rule.sentence),
                "result": rule.result.map { .string($0.code) } ?? .null,
            ]
        }
        let passedOver = explanation.passedOver.map { other -> JSONValue in
            ["subject": .string(other.subject), "sentence": .string(other.sentence)]
        }
        return [
            "endpoint": .string(explanation.endpoint.text), "sentence": .string(sentence),
            "result": explanation.result.map { .string($0.code) } ?? .null, "wanted": wanted,
            "decidedBy": explanation.deciding.map { .string($0.rule.rawValue) } ?? .null, "rules": .array(rules),
            "passedOver": .array(passedOver), "mayPrepare": .boolean(explanation.mayPrepare),
            "mayActivate": .boolean(explanation.mayActivate), "state": state.map { .string($0.rawValue) } ?? .null,
            "last": last.map(Self.json) ?? .null,
        ]
    }

    private var wanted: JSONValue {
        switch explanation.wanted {
        case .bundle(let digest, let name, let version, let serial):
            [
                "bundle": .string(digest.hex), "name": .string(name.text), "version": .string(version.description),
                "serial": .integer(serial),
            ]
        case .removal(let serial): ["removal": true, "serial": .integer(serial)]
        case .nothing: .null
        }
    }

    private static func json(_ last: EndedAttempt) -> JSONValue {
        [
            "serial": .integer(last.serial), "bundle": .string(last.bundle.hex),
            "result": .string(last.ending.result.code), "reason": .string(last.ending.reason.rawValue),
            "detail": .string(last.ending.detail),
        ]
    }
}

extension RetryLedger {
    /// What was found against a bundle on this host; where nothing was, what was found against it on another: the agent
    /// that wrote it may have seen the machine with other eyes than a command by hand.
    fileprivate func decision(likelyFor key: AttemptKey) -> RetryDecision {
        guard records[key] == nil else { return decision(for: key) }
        let others = records.keys.filter { $0.serial == key.serial && $0.bundle == key.bundle }
        return others.min { $0.host < $1.host }.map { decision(for: $0) } ?? .allowed
    }
}

extension ReadDocuments {
    /// From the store, which holds verified documents only. One that is gone is as if it was not listed.
    init(stored store: SyncStore, memory: SyncMemory) throws {
        let layout = store.layout
        var documents: [String: [UInt8]] = [:]
        func read(_ path: String) throws {
            let place = layout.document(path)
            guard documents[path] == nil, try FileSystem.status(of: place) != nil else { return }
            documents[path] = try FileSystem.read(place, limit: 16 << 20)
        }
        for path in memory.documents { try read(path) }
        let standing = ReadDocuments(documents, bundles: [:], box: store.box, lastRevocations: memory.revocations)
        var wanted = Set(try store.running().values)
        for (endpoint, candidates) in standing.deployments {
            for case .readable(let deployment) in candidates.map(\.content) {
                wanted.formUnion(deployment.state.bundles + deployment.fallback)
                guard let reference = deployment.gates.acceptance else { continue }
                try read(AcceptanceLocation(endpoint: endpoint, version: reference.version).path)
            }
        }
        wanted.formUnion(wanted.compactMap { standing.revocations.known.replacement(for: $0) })
        var bundles: [SHA256Digest: String] = [:]
        for digest in wanted {
            guard let known = try AdmittedBundle.read(digest, from: layout) else { continue }
            bundles[digest] = known.path
            try read(known.path)
        }
        self.init(documents, bundles: bundles, box: store.box, lastRevocations: memory.revocations)
    }
}
