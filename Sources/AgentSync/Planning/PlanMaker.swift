internal import BundleManifest
package import Deployment
internal import Digest
package import EdgeAgent
package import WallClock

/// From what verified documents say to what each endpoint of this box is to do. A value without I/O: documents, memory
/// and what runs in; plans and the memory to keep out.
package struct PlanMaker: Sendable {
    package var box: BoxConfiguration
    package var capabilities: BoxCapabilities
    package var documents: ReadDocuments
    package var memory: SyncMemory
    package var situations: [EndpointName: EndpointSituation]
    package var clock: ClockReading

    package init(
        box: BoxConfiguration,
        capabilities: BoxCapabilities,
        documents: ReadDocuments,
        memory: SyncMemory,
        situations: [EndpointName: EndpointSituation],
        clock: ClockReading
    ) {
        self.box = box
        self.capabilities = capabilities
        self.documents = documents
        self.memory = memory
        self.situations = situations
        self.clock = clock
    }

    /// A plan for every endpoint of the box, and the memory that must be on the disk before the plan is.
    package func make() -> (endpoints: [EndpointName: EndpointPlan], memory: SyncMemory) {
        var plans: [EndpointName: EndpointPlan] = [:]
        var kept = memory
        for endpoint in box.endpoints.keys.sorted() {
            let finding = judge(endpoint)
            plans[endpoint] = plan(finding)
            kept.endpoints[SyncMemory.key(box.channel, endpoint)] = finding.memory
        }
        kept.hasAdmitted = true
        if case .read(let revocations) = documents.revocations { kept.revocations = revocations }
        return (plans, kept)
    }
}

/// What the rules say of one endpoint, before it is put into a plan or told to people.
package struct EndpointFinding: Sendable {
    package let endpoint: EndpointName
    package let situation: EndpointSituation
    package let selection: DeploymentSelection
    package let choice: BundleChoice?
    package let rollout: RolloutStanding
    package let wave: WaveStanding?
    /// What the choice was made by.
    package let facts: BundleChoice.Facts
    package let memory: SyncMemory.Endpoint

    /// The deployment that is followed.
    package var deployment: Deployment? {
        if case .selected(let deployment, _) = selection.outcome { deployment } else { nil }
    }
}

extension PlanMaker {
    /// The same for a plan and for `why`; judging again what was judged changes nothing.
    package func judge(_ endpoint: EndpointName) -> EndpointFinding {
        let candidates = documents.deployments[endpoint] ?? []
        var kept = memory.endpoints[SyncMemory.key(box.channel, endpoint)] ?? SyncMemory.Endpoint()
        let situation = situations[endpoint] ?? EndpointSituation()
        let selection = DeploymentSelection.select(among: candidates, labels: box.labels, accepted: kept.serials)
        let listed = Dictionary(candidates.map { ($0.digest, $0.location.serial) }) { first, _ in first }
        kept.taken = kept.taken.filter { listed[$0.key] != nil }
        kept.waves = kept.waves.filter { listed[$0.deployment] != nil }
        kept.rollout.keepAborts(of: Set(listed.keys))
        var facts = BundleChoice.Facts(
            box: capabilities,
            manifests: documents.manifests,
            revocations: documents.revocations.known,
            floors: kept.floors,
            running: situation.running
        )
        guard case .selected(let deployment, let digest) = selection.outcome else {
            return EndpointFinding(
                endpoint: endpoint,
                situation: situation,
                selection: selection,
                choice: nil,
                rollout: .paused(.missing, openWave: nil),
                wave: nil,
                facts: facts,
                memory: kept
            )
        }
        kept.serials.accept(deployment.location.serial, for: deployment.audience)
        facts.kept = kept.taken[digest]
        kept.floors = facts.raisedFloors(by: deployment)
        let choice = BundleChoice.choose(for: deployment, facts)
        switch choice.outcome {
        case .chosen(let bundle, _), .alreadyInstalled(let bundle): kept.taken[digest] = bundle
        case .absent, .undecided, .noneFits: break
        }
        let judged = RolloutStanding.judge(
            documents.rollouts[endpoint] ?? .missing,
            of: deployment,
            digest: digest,
            listed: listed,
            memory: kept.rollout
        )
        kept.rollout = judged.memory
        // A box that never saw metadata before was enrolled after this rollout began: it joins the open wave.
        let isLate = !memory.hasAdmitted && situation.running == nil
        let place = WaveAssignment.decide(
            deployment,
            digest: digest,
            device: box.device,
            labels: box.labels,
            kept: kept.waves.first { $0.deployment == digest },
            joinsOpenWave: isLate ? judged.standing.openWave : nil
        )
        kept.waves = (kept.waves.filter { $0.deployment != digest } + [place]).sorted { $0.serial < $1.serial }
        let wave = judged.standing.openWave.map { place.standing(in: deployment, openWave: $0, clock: clock) }
        return EndpointFinding(
            endpoint: endpoint,
            situation: situation,
            selection: selection,
            choice: choice,
            rollout: judged.standing,
            wave: wave,
            facts: facts,
            memory: kept
        )
    }

    /// The rules' facts as the documents tell them; what only the resident knows is as if it permitted.
    package func updateFacts(_ finding: EndpointFinding) -> UpdateFacts {
        var facts = UpdateFacts(
            endpoint: finding.endpoint,
            running: finding.situation.running,
            clock: clock,
            revocations: documents.revocations,
            selection: finding.selection,
            choice: finding.choice
        )
        facts.rollout = finding.rollout
        facts.wave = finding.wave
        facts.gates = .probed(.passed)
        return facts
    }
}

// MARK: Plans

extension PlanMaker {
    package func plan(_ finding: EndpointFinding) -> EndpointPlan {
        let explanation = Explanation(updateFacts(finding))
        var plan = EndpointPlan(.nothing(explanation.result ?? .noDeployment), explanation.sentence)
        if let deployment = finding.deployment {
            plan.deployment = deployment.location.path
            plan.freshnessSeconds = deployment.freshnessSeconds ?? Deployment.defaultFreshnessSeconds
            if case .aborted = finding.rollout {
                followAbort(of: deployment, finding, &plan)
            } else {
                follow(deployment, explanation, finding, &plan)
            }
        }
        heedRevocations(finding, &plan)
        plan.withdrawal = plan.withdrawal ?? withdrawal(finding, plan)
        return plan
    }

    /// Goes where the explanation says.
    private func follow(
        _ deployment: Deployment,
        _ explanation: Explanation,
        _ finding: EndpointFinding,
        _ plan: inout EndpointPlan
    ) {
        switch (explanation.wanted, finding.choice?.outcome) {
        case (.bundle(let digest, _, _, _), .chosen(_, let manifest)?):
            if let obstacle = gateObstacle(deployment, finding.endpoint) {
                plan.wanted = .nothing(obstacle.result)
                plan.sentence = stays(finding) + ": " + obstacle.sentence
                return
            }
            // A rule that refuses, whatever it stops, leaves nothing to wait for.
            if let deciding = explanation.deciding, deciding.state == .refuses {
                plan.wanted = .nothing(deciding.result ?? .rejected)
                return
            }
            plan.wanted = .bundle(candidate(digest, of: deployment))
            describe(manifest, in: &plan)
            plan.mayPrepare = explanation.mayPrepare
            plan.waiting = explanation.waitingReason
        case (.nothing(.alreadyInstalled), .alreadyInstalled(let digest)?):
            plan.wanted = .installed(candidate(digest, of: deployment))
            if case .read(let manifest)? = documents.manifests[digest] { describe(manifest, in: &plan) }
        case (.removal(let serial), _):
            if let deciding = explanation.deciding, deciding.state == .refuses {
                plan.wanted = .nothing(deciding.result ?? .rejected)
                return
            }
            plan.wanted = .removal(serial: serial)
            plan.mayPrepare = explanation.mayPrepare
            plan.waiting = explanation.waitingReason
        case (.nothing(let result), _): plan.wanted = .nothing(result)
        case (.bundle, _): break
        }
    }

    /// The acceptance set must be there and readable before anything is tried with it.
    private func gateObstacle(
        _ deployment: Deployment,
        _ endpoint: EndpointName
    ) -> (result: UpdateResult, sentence: String)? {
        guard let reference = deployment.gates.acceptance else { return nil }
        let path = AcceptanceLocation(endpoint: endpoint, version: reference.version).path
        switch documents.acceptances[reference.digest] {
        case .read(let acceptance)? where acceptance.location.path == path: return nil
        case .unreadable(let error)?: return (error.result, error.message)
        case .read?, nil:
            return (.waitingFor(.network), "the acceptance set \(path) that the deployment names is not here yet")
        }
    }

    /// "Abort leads to the signed fallback and never to a revoked digest."
    private func followAbort(of deployment: Deployment, _ finding: EndpointFinding, _ plan: inout EndpointPlan) {
        let fallback = BundleChoice.chooseFallback(for: deployment, finding.facts)
        let serial = deployment.location.serial
        plan.wanted = .nothing(.rejected)
        if let attempt = finding.situation.attempt, attempt.serial == serial,
            !deployment.fallback.contains(attempt.bundle)
        {
            plan.withdrawal = .aborted
        }
        let sentence = "\(stays(finding)): \(finding.rollout.sentence)"
        plan.sentence = sentence
        switch AbortEffect.of(finding.situation.progress(of: deployment), fallback: fallback) {
        case .none:
            // Gone back already.
            guard let running = finding.situation.running, finding.situation.runningSerial == serial,
                deployment.fallback.contains(running.digest)
            else { return }
            plan.wanted = .installed(candidate(running.digest, of: deployment))
        case .cancel, .rollBack, .stay: return
        case .fallBack(let digest):
            guard case .chosen(_, let manifest)? = fallback?.outcome else { return }
            plan.wanted = .bundle(candidate(digest, of: deployment))
            describe(manifest, in: &plan)
            plan.mayPrepare = true
            plan.sentence =
                "\(finding.endpoint) goes back to \(manifest.name) \(manifest.version), the fallback of deployment "
                + "\(serial): \(finding.rollout.sentence)"
        }
    }

    /// The strongest no there is, which also speaks about what runs.
    private func heedRevocations(_ finding: EndpointFinding, _ plan: inout EndpointPlan) {
        let revocations = documents.revocations.known
        if let attempt = finding.situation.attempt, revocations.forbids(attempt.bundle) { plan.withdrawal = .revoked }
        plan.revoked = finding.situation.installed.filter { revocations.forbids($0) }
        guard let running = finding.situation.running else { return }
        switch revocations.effect(onRunning: running.digest) {
        case .none, .serveOn: break
        case .stop: plan.stopsRunning = true
        case .replace(let digest, let reason): replace(running, by: digest, reason, finding, &plan)
        }
    }

    /// What runs is revoked and another is to take its place, whatever the rollout has come to: the wave that brought
    /// the one is behind.
    private func replace(
        _ running: RunningBundle,
        by digest: SHA256Digest,
        _ reason: String,
        _ finding: EndpointFinding,
        _ plan: inout EndpointPlan
    ) {
        if case .bundle = plan.wanted, plan.waiting == nil, plan.mayPrepare { return }
        guard documents.revocations.problem == nil else { return }
        let serial = finding.deployment?.location.serial ?? finding.situation.runningSerial ?? 1
        let location = DeploymentLocation(channel: box.channel, endpoint: finding.endpoint, serial: serial)
        var asked =
            finding.deployment ?? Deployment(location: location, state: .absent, reason: reason, author: "targets")
        asked.state = .bundles([digest])
        asked.fallback = []
        var facts = finding.facts
        facts.kept = nil
        let choice = BundleChoice.choose(for: asked, facts)
        switch choice.outcome {
        case .chosen(_, let manifest):
            plan.wanted = .bundle(
                UpdateCandidate(serial: serial, bundle: digest, fallbacks: [], deadline: nil)
            )
            describe(manifest, in: &plan)
            plan.mayPrepare = true
            plan.waiting = nil
            plan.sentence =
                "\(finding.endpoint) goes to \(manifest.name) \(manifest.version) in the place of \(running.name) "
                + "\(running.version), which is revoked: \(reason)"
        case .undecided:
            plan.sentence += "; the manifest of \(digest.short) is not here yet"
        case .alreadyInstalled, .absent, .noneFits:
            let why = choice.passedOver.first?.reason.sentence
            plan.sentence += "; \(digest.short) is not for this box" + (why.map { ": \($0)" } ?? "")
        }
    }

    /// Whether a try under way must end because it is for nobody's deployment any more.
    private func withdrawal(_ finding: EndpointFinding, _ plan: EndpointPlan) -> Withdrawal? {
        guard let attempt = finding.situation.attempt else { return nil }
        switch plan.wanted {
        // Another candidate takes its place by itself.
        case .bundle, .installed: return nil
        case .removal: return .notSelected
        case .nothing:
            guard let deployment = finding.deployment else { return .notSelected }
            let isItsOwn = attempt.serial == deployment.location.serial
            return isItsOwn ? nil : .notSelected
        }
    }

    private func candidate(_ digest: SHA256Digest, of deployment: Deployment) -> UpdateCandidate {
        let revocations = documents.revocations.known
        return UpdateCandidate(
            serial: deployment.location.serial,
            bundle: digest,
            fallbacks: deployment.fallback.filter { $0 != digest && !revocations.forbids($0) },
            deadline: deployment.deadlineSeconds.map { .seconds($0) }
        )
    }

    private func describe(_ manifest: Manifest, in plan: inout EndpointPlan) {
        plan.title = "\(manifest.name) \(manifest.version)"
        plan.installBytes = manifest.components.values.reduce(0) { sum, component in
            let (total, overflow) = sum.addingReportingOverflow(component.bytes)
            return overflow ? Int(Int32.max) : total
        }
        plan.memoryBytes = manifest.endpoint.memoryBytes
    }

    private func stays(_ finding: EndpointFinding) -> String {
        guard let running = finding.situation.running else { return "\(finding.endpoint) has no bundle" }
        return "\(finding.endpoint) stays on \(running.name) \(running.version)"
    }
}

extension Explanation {
    /// What the update waits for now; nil where nothing keeps it.
    var waitingReason: WaitingReason? {
        guard case .waitingFor(let reason)? = deciding?.result else { return nil }
        return reason
    }
}
