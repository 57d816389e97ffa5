internal import BundleManifest
package import Deployment

/// What an endpoint's update is at, and why: the one answer for `status` and for the fleet.
package struct EndpointStanding: Sendable {
    package var state: EndpointState
    package var plan: EndpointPlan?
    /// Why the plan may not be today's.
    package var problem: SyncProblem?
    /// Whether its state can't be written, so that what is known here is what it was before.
    package var isHalted: Bool

    package init(state: EndpointState, plan: EndpointPlan?, problem: SyncProblem?, isHalted: Bool) {
        self.state = state
        self.plan = plan
        self.problem = problem
        self.isHalted = isHalted
    }

    /// What the update waits for, what metadata says, or how the last try ended; nil while it works.
    package var result: UpdateResult? {
        if isHalted { return .waitingFor(.disk) }
        let progress = state.progress
        if let waiting = progress.waiting { return .waitingFor(waiting.reason) }
        guard progress.attempt == nil else { return nil }
        if let problem { return .waitingFor(problem.reason) }
        let last = progress.last?.ending.result
        switch plan?.wanted {
        // Of an endpoint at rest the metadata may say more than how the last update ended.
        case .nothing(.incompatible(let subject, let feature)):
            return .incompatible(subject: subject, feature: feature)
        case .nothing(.ambiguous): return .ambiguous
        case .nothing(let result): return last ?? result
        case .bundle: return plan?.mayPrepare == false ? plan?.waiting.map { .waitingFor($0) } ?? last : last
        case .removal: return plan?.result
        case .installed, nil: return last
        }
    }

    /// What the deployments want here; nil for nothing.
    package var wanted: UpdateCandidate? {
        switch plan?.wanted {
        case .bundle(let candidate), .installed(let candidate): candidate
        case .removal, .nothing, nil: nil
        }
    }

    /// For people: the most exact thing that is known of why it is so.
    package var sentence: String? {
        if isHalted { return "the store can't be written, so that no update goes on" }
        if let trouble = state.trouble, state.progress.attempt != nil { return trouble }
        if state.progress.attempt == nil, let problem { return problem.sentence }
        if let ending = state.progress.last?.ending, ending.result == result, ending.result.isFailure {
            return ending.detail.isEmpty ? ending.result.sentence : "\(ending.result.sentence): \(ending.detail)"
        }
        return plan?.sentence
    }
}
