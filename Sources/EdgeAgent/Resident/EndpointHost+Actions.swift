internal import Deployment
internal import Diagnostics
internal import Digest
internal import FileSystem
internal import Glibc

// What the update machine asks for. Each action tells its result by an event, at once or later.

extension EndpointHost {
    func perform(_ action: UpdateAction) {
        switch action {
        case .serve(let bundle):
            wanted = bundle
            stopRevoked()
        case .cancel: cancel()
        case .sync: environment.requestSync(self)
        case .preflight(let candidate): preflight(candidate)
        case .download(let candidate): download(candidate)
        case .verify(let candidate): verify(candidate)
        case .stage(let candidate): post(.staged(stage(candidate)))
        case .probe(let candidate): beginProbe(candidate)
        case .askPermission(let candidate): post(.permitted(permission(candidate)))
        case .activate(let candidate, _):
            switching = Switching(to: candidate.bundle, for: .activation, at: environment.now())
        case .observe(let candidate): beginObservation(candidate)
        case .commit:
            nameGenerations()
            post(.committed(.done))
        case .rollBack(_, let target?) where plan?.revoked.contains(target) == true:
            // "Never to a revoked digest."
            post(.rolledBack(.impossible("\(target.hex.prefix(12)) is revoked")))
        case .rollBack(_, let target):
            switching = Switching(to: target, for: .rollback, at: environment.now())
        case .keepFailure(let candidate, _):
            keepLog(of: candidate)
            post(.failureKept(.done))
        case .cleanUp(let candidate, _): cleanUp(candidate)
        }
    }

    func cancel() {
        environment.downloads.cancel(for: self)
        environment.contents.cancel(for: self)
        probe = nil
        observation = nil
        // What is being started so that the endpoint answers again is none of the update's.
        if switching?.purpose != .serving { switching = nil }
        endStarting()
    }

    /// Ends runtimes that nobody waits for any more.
    private func endStarting() {
        for runtime in runtimes where runtime.isStarting && runtime.bundle != switching?.bundle { end(runtime) }
    }

    private func preflight(_ candidate: UpdateCandidate) {
        let isThere = (try? FileSystem.status(of: environment.layout.generation(candidate.bundle))) ?? nil != nil
        guard !isThere, let plan else { return post(.preflighted(.passed)) }
        do {
            let free = try FileSystem.freeBytes(at: environment.layout.root)
            guard free < plan.installBytes + box.diskReserveBytes else { return post(.preflighted(.passed)) }
            // What an earlier update left may be all that is in the way: the next look finds it gone.
            if environment.contents.isIdle { collect { _ in } }
            let (needed, reserve) = (plan.installBytes, box.diskReserveBytes)
            post(
                .preflighted(.waiting(.disk)),
                because: "the disk has \(Quantity.readable(bytes: free)) free, the bundle needs "
                    + "\(Quantity.readable(bytes: needed)) and \(Quantity.readable(bytes: reserve)) are to be left"
            )
        } catch {
            post(.preflighted(.failed(.disk)), because: error.message)
        }
    }

    private func download(_ candidate: UpdateCandidate) {
        // A stick has everything; what it lacks is found out by verifying.
        guard environment.media() == nil else { return post(.downloaded(.complete)) }
        let arguments = ["fetch", "--store", environment.layout.root, "--bundle", candidate.bundle.hex]
        environment.downloads.add(for: self, arguments) { [self] outcome in
            post(.downloaded(outcome.download), because: outcome.words)
        }
    }

    private func verify(_ candidate: UpdateCandidate) {
        var arguments = ["admit", "--store", environment.layout.root, "--bundle", candidate.bundle.hex]
        if let media = environment.media() { arguments += ["--from", media] }
        environment.contents.add(for: self, arguments) { [self] outcome in
            post(.verified(outcome.verification), because: outcome.words)
        }
    }

    /// Admitting has made the tree already, in one step with its contents.
    private func stage(_ candidate: UpdateCandidate) -> StepResult {
        let status = (try? FileSystem.status(of: environment.layout.generation(candidate.bundle))) ?? nil
        return status?.kind == .directory ? .done : .failed(.disk)
    }

    private func permission(_ candidate: UpdateCandidate) -> Permission {
        guard let plan, let evidence, case .bundle(let planned) = plan.wanted, planned.bundle == candidate.bundle,
            planned.serial == candidate.serial
        else { return .waiting(.rollout) }
        if let waiting = plan.waiting { return .waiting(waiting) }
        let limit = Duration.seconds(plan.freshnessSeconds)
        let freshness = Freshness.judge(evidence.age(at: environment.now(), in: environment.boot), limit: limit)
        guard freshness == .fresh else {
            environment.requestPoll()
            return .waiting(.freshness)
        }
        return .granted
    }

    /// Removes what no endpoint needs.
    private func collect(then: @escaping (HelperOutcome) -> Void) {
        var arguments = ["gc", "--store", environment.layout.root]
        for bundle in environment.bundlesToKeep() { arguments += ["--keep", bundle.hex] }
        environment.contents.add(for: self, arguments, done: then)
    }

    private func cleanUp(_ candidate: UpdateCandidate) {
        endStarting()
        nameGenerations()
        collect { [self] outcome in
            if case .failed(let circumstance, let words) = outcome {
                say("clean up: \(words)")
                post(.cleanedUp(.failed(circumstance)))
            } else {
                post(.cleanedUp(.done))
            }
        }
    }

    /// The generations that this endpoint may still need.
    var kept: Set<SHA256Digest> { updater.machine.progress.kept.union(runtimes.map(\.bundle)) }

    /// `current` and `previous`, for people who look into the store; nothing reads them.
    private func nameGenerations() {
        let generations = updater.machine.progress.generations
        let folder = environment.layout.endpoint(name)
        for (link, bundle) in [("current", generations.current?.bundle), ("previous", generations.previous?.bundle)] {
            let path = FileSystem.join(folder, link)
            unlink(path)
            if let bundle { _ = symlink("../../generations/\(bundle.hex)", path) }
        }
    }

    private func keepLog(of candidate: UpdateCandidate) {
        let layout = environment.layout
        let path = failedSlot.map { layout.log(name, $0) } ?? layout.checkLog(name)
        guard let tail = try? LogFile.tail(of: path) else { return }
        try? FileSystem.write(tail, to: layout.failureLog(name), mode: 0o600)
    }
}
