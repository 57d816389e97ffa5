internal import Deployment
internal import Digest
internal import FileSystem
internal import Glibc
internal import RuntimeControl
internal import UnixSockets

/// The way from what an endpoint serves to what it is to serve.
struct Switching {
    enum Purpose {
        /// Nothing serves, and something should.
        case serving
        case activation, rollback
    }

    let bundle: SHA256Digest?
    let purpose: Purpose
    let began: Duration
    /// When the runtime that is being started was.
    var started: Duration?

    init(to bundle: SHA256Digest?, for purpose: Purpose, at now: Duration) {
        self.bundle = bundle
        self.purpose = purpose
        began = now
    }
}

extension EndpointHost {
    func advanceSwitch(at now: Duration) {
        guard let switching else { return }
        guard let bundle = switching.bundle else { return switchToNothing() }
        if let serving = runtimes.first(where: { $0.bundle == bundle && $0.phase == .serving }) {
            return finishSwitch(switching, to: serving, at: now)
        }
        if let starting = runtimes.first(where: { $0.bundle == bundle && $0.isStarting }) {
            return advance(starting, of: switching, at: now)
        }
        guard let slot = freeSlot(at: now) else { return }
        start(bundle, in: slot, of: switching, at: now)
    }

    private func switchToNothing() {
        for runtime in runtimes where runtime.phase != .draining { drain(runtime) }
        guard runtimes.isEmpty else { return }
        closeListener()
        end(nil, nil)
    }

    /// The new one has the socket: the old one finishes what it has.
    private func finishSwitch(_ switching: Switching, to runtime: RunningRuntime, at now: Duration) {
        for other in runtimes where other !== runtime {
            if other.phase == .serving { drain(other) } else if other.isStarting { end(other) }
        }
        end(runtime.bundle, now - switching.began)
    }

    private func end(_ bundle: SHA256Digest?, _ took: Duration?) {
        guard let purpose = switching?.purpose else { return }
        switching = nil
        served(bundle)
        switch purpose {
        case .serving: say("serving")
        case .activation: post(.activated(.done(took: took ?? .zero)))
        case .rollback: post(.rolledBack(.complete))
        }
    }

    private func fail(_ switching: Switching, _ why: String, isLost: Bool = false) {
        self.switching = nil
        switch switching.purpose {
        case .serving:
            say(why)
            delayRestart(at: environment.now())
        case .activation: post(.activated(.failed(.helperKilled)), because: why)
        case .rollback: post(.rolledBack(isLost ? .impossible(why) : .failed(.helperKilled)), because: why)
        }
    }

    /// A slot without a process; one that nobody needs is made free.
    private func freeSlot(at now: Duration) -> Slot? {
        let taken = Set(runtimes.map(\.slot))
        if let free = Slot.allCases.first(where: { !taken.contains($0) }) { return free }
        if let idle = runtimes.first(where: \.isStarting) {
            end(idle)
        } else if !runtimes.contains(where: { $0.phase == .draining }),
            let other = runtimes.first(where: { $0.bundle != wanted })
        {
            drain(other)
        }
        return nil
    }

    private func start(_ bundle: SHA256Digest, in slot: Slot, of switching: Switching, at now: Duration) {
        let generation = environment.layout.generation(bundle)
        guard let status = try? FileSystem.status(of: generation), status.kind == .directory else {
            return fail(switching, "the generation \(bundle.hex.prefix(12)) is not in the store", isLost: true)
        }
        do {
            _ = try listen()
            let runtime = try environment.launch(bundle, for: self, in: slot, at: now)
            runtimes.append(runtime)
            self.switching?.started = now
            noteRuntimes()
        } catch {
            endStray(in: slot, at: now)
            fail(switching, "the runtime could not be started: \(error)")
        }
    }

    /// Who answers in a slot that is thought to be free was started by an agent, or a launcher, that did not live to
    /// tell of it: it would hold the slot for ever.
    private func endStray(in slot: Slot, at now: Duration) {
        let path = environment.layout.control(name, slot)
        guard let stray = (try? RunningRuntime.find(slot: slot, controlPath: path, at: now)) ?? nil else { return }
        say("the runtime \(stray.handle.processID) is nobody's and is ended")
        runtimes.append(stray)
        end(stray)
    }

    private func advance(_ runtime: RunningRuntime, of switching: Switching, at now: Duration) {
        guard let hello = runtime.greeting() else {
            return checkLimit(runtime, switching, at: now)
        }
        switch hello.state {
        case .loading: checkLimit(runtime, switching, at: now)
        case .standby:
            do {
                try runtime.accept(try listen())
                runtime.enter(.serving, at: now)
                noteRuntimes()
                finishSwitch(switching, to: runtime, at: now)
            } catch {
                end(runtime)
                fail(switching, "the runtime did not take the socket: \(error)")
            }
        case .serving: runtime.enter(.serving, at: now)
        case .draining, .failed:
            end(runtime)
            failedSlot = runtime.slot
            fail(switching, "the runtime could not be started" + lastWords(of: runtime))
        }
    }

    private func checkLimit(_ runtime: RunningRuntime, _ switching: Switching, at now: Duration) {
        let limit = Duration.seconds(box.startLimitSeconds)
        guard now - (switching.started ?? switching.began) > limit, !runtime.hasEnded else { return }
        end(runtime)
        failedSlot = runtime.slot
        fail(switching, "the runtime was not ready within \(box.startLimitSeconds) s")
    }

    /// A runtime ended before it served.
    func switchingEnded(_ runtime: RunningRuntime) {
        guard let switching, switching.bundle == runtime.bundle else { return }
        failedSlot = runtime.slot
        fail(switching, "the runtime ended while it started" + lastWords(of: runtime))
    }

    func lastWords(of runtime: RunningRuntime) -> String {
        LogFile.lastLine(of: environment.layout.log(name, runtime.slot)).map { ": \($0)" } ?? ""
    }
}
