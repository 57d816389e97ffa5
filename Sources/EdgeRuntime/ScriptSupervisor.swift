internal import CScriptWorker
internal import Glibc
internal import Processes
internal import Synchronization

// The supervisor: one thread per worker, which starts its process (and so is the parent whose death would kill it),
// reads its output and its frames, and keeps its time.

extension ScriptWorker {
    func startSupervisor() throws(ScriptError) {
        // Signals are for the runtime's own threads.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let failure = core.withLock { core -> ScriptError? in
            guard core.machine.state == .idle, core.thread == nil else { return .notIdle }
            do throws(ScriptSystemError) {
                try log.start()
            } catch {
                return .resources(errno: error.errno)
            }
            let context = Unmanaged.passRetained(self)
            var thread = pthread_t()
            let code = pthread_create(&thread, nil, supervise, context.toOpaque())
            guard code == 0 else {
                context.release()
                return .resources(errno: code)
            }
            core.thread = thread
            core.wasStarted = true
            return nil
        }
        if let failure { throw failure }
    }
}

/// The thread's function; `context` is a retained `ScriptWorker`.
private func supervise(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let worker = Unmanaged<ScriptWorker>.fromOpaque(context).takeRetainedValue()
    script_name_thread("script-worker")
    ScriptSupervisor(worker).run()
    return nil
}

private final class ScriptSupervisor {
    private let worker: ScriptWorker
    private var session: ScriptSession?
    /// What `start` throws if the worker never becomes ready; the first to know sets it.
    private var failure: ScriptError?
    private var lastLines: [String] = []

    init(_ worker: ScriptWorker) {
        self.worker = worker
    }

    func run() {
        handle(.start)
        while worker.core.withLock({ $0.machine.state != .dead }) {
            let mayHaveEnded = wait()
            checkTimer()
            guard let session else { continue }
            readAll(session)
            if mayHaveEnded, session.child.hasEnded { end(session) }
        }
        // Here and not with the worker's object, which a program that ends may never let go of.
        worker.scratch.remove()
        answerStart(
            .failure(failure ?? .diedWhileStarting(script: script, reason: "it was stopped", lastOutput: lastLines))
        )
    }

    private var script: String { worker.configuration.script }

    private func handle(_ event: ScriptWorkerMachine.Event, answer: ScriptAnswer? = nil) {
        if worker.handle(event, answer: answer) { spawn() }
    }

    private func say(_ text: String) {
        worker.log.add(ScriptLogLine(source: .supervisor, text: text))
    }

    /// Only the first result counts.
    private func answerStart(_ result: Result<ScriptWorkerInformation, ScriptError>) {
        let isFirst = worker.startResult.withLock { stored in
            guard stored == nil else { return false }
            stored = result
            return true
        }
        if isFirst { worker.started.signal() }
    }

    // MARK: - Waiting

    /// Returns true when the process should be asked whether it has ended.
    private func wait() -> Bool {
        var watched = [pollfd(fd: worker.timer, events: Int16(POLLIN), revents: 0)]
        var timeout: Int32 = -1
        if let session {
            let descriptors = [
                session.isReadable ? session.socket : -1, session.output, session.errors,
                session.child.exitDescriptor ?? -1,
            ]
            watched += descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            // Without a pidfd (before Linux 5.3) the process is asked for.
            if session.child.exitDescriptor == nil { timeout = 50 }
        }
        _ = poll(&watched, nfds_t(watched.count), timeout)
        return timeout >= 0 || watched.last?.revents != 0
    }

    private func checkTimer() {
        var rings: UInt64 = 0
        guard read(worker.timer, &rings, MemoryLayout<UInt64>.size) > 0 else { return }
        let state = worker.core.withLock { core in
            core.timerSetTo = nil
            return core.machine.state
        }
        handle(.tick)
        let after = worker.core.withLock { $0.machine.state }
        if state == .busy, after == .killing { say("a request exceeded its deadline: its worker is killed") }
        if state == .starting, after == .killing {
            failure =
                failure ?? .startTimedOut(script: script, limit: worker.configuration.startLimit, lastOutput: lastLines)
        }
    }

    // MARK: - One life

    private func spawn() {
        lastLines = []
        do throws(ScriptError) {
            try worker.scratch.renew()
            let session = try ScriptSession(worker.configuration, scratch: worker.scratch.layout)
            self.session = session
            worker.core.withLock { core in
                core.child = session.child
                core.socket = session.socket
            }
            try configure(session)
        } catch {
            failure = failure ?? error
            guard session != nil else {
                handle(.notSpawned(error.message))
                let state = worker.core.withLock { $0.machine.state }
                say("\(error.message); now \(state.rawValue)")
                return
            }
            handle(.broke(error.message))
        }
        // Stopped while there was nothing yet to send a signal to.
        if worker.core.withLock({ $0.machine.state != .starting }) { session?.child.signal(SIGKILL) }
    }

    private func configure(_ session: ScriptSession) throws(ScriptError) {
        let code: Int32
        do {
            let meta = ScriptMeta.configure(worker.configuration)
            code = try ScriptOutgoingFrame(.configure, requestIdentifier: 0, meta: meta).send(on: session.socket)
        } catch {
            throw .resources(errno: error.errno)
        }
        // A process that is gone already is about to be noticed, with a better reason.
        guard [0, EPIPE, ECONNRESET].contains(code) else { throw .resources(errno: code) }
    }

    private func end(_ session: ScriptSession) {
        // What the script started dies with its worker. The leader is not reaped yet, so the group is certainly ours.
        session.child.signal(SIGKILL)
        // What it wrote between the last look and its end.
        readAll(session)
        passOn(session.takeLines(atEnd: true))
        worker.core.withLock { core in
            core.child = nil
            core.socket = nil
        }
        self.session = nil
        let reason: String
        do {
            reason = try session.child.wait().description
        } catch {
            reason = error.message
        }
        failure = failure ?? .diedWhileStarting(script: script, reason: reason, lastOutput: lastLines)
        let before = worker.core.withLock { $0.machine.state }
        handle(.exited("the scoring script's worker ended with \(reason)"))
        if before != .stopping {
            let after = worker.core.withLock { $0.machine.state }
            say("worker \(session.child.processIdentifier) ended with \(reason); now \(after.rawValue)")
        }
    }

    private func readAll(_ session: ScriptSession) {
        // Output first: what a request printed was written before its reply.
        passOn(session.takeLines())
        // No more than some at a time: a worker that floods us must not keep us from the clock.
        for _ in 0..<16 where session.isReadable {
            do throws(ScriptProtocolViolation) {
                switch try session.reader.receive(from: session.socket) {
                case .frames(let frames):
                    if frames.isEmpty { return }
                    for frame in frames { try take(frame) }
                case .end:
                    session.isReadable = false
                    // In the ordinary case it is ending, and how it ended says more.
                    if !session.child.hasEnded(within: .milliseconds(500)) {
                        handle(.broke("the scoring script's worker closed its socket"))
                    }
                }
            } catch {
                session.isReadable = false
                say("worker \(session.child.processIdentifier) broke the protocol: \(error.explanation)")
                handle(.broke("the scoring script's worker broke the protocol: \(error.explanation)"))
            }
        }
    }

    private func take(_ frame: ScriptFrame) throws(ScriptProtocolViolation) {
        switch frame.kind {
        case .ready:
            let information = try ScriptMeta.ready(frame)
            worker.takesHeaders.store(information.takesHeaders, ordering: .relaxed)
            handle(.ready)
            answerStart(.success(information))
        case .failed:
            let problem = try ScriptMeta.failed(frame, script: script)
            failure = failure ?? problem
            say(problem.message)
            if !problem.details.isEmpty { worker.log.add(ScriptLogLine(source: .exception, text: problem.details)) }
            handle(.failedToStart)
        case .reply:
            handle(.replied(frame.requestIdentifier), answer: try ScriptMeta.reply(frame))
        case .log:
            let text = try ScriptMeta.log(frame)
            worker.log.add(
                ScriptLogLine(source: .exception, text: text, label: label(of: frame.requestIdentifier))
            )
        case .configure, .request, .stop:
            throw .unexpectedKind(frame.kind)
        }
    }

    private func label(of identifier: UInt64?) -> String? {
        worker.core.withLock { core in
            (identifier ?? core.machine.inFlight?.identifier).flatMap { core.pending[$0]?.label }
        }
    }

    private func passOn(_ lines: [ScriptLogLine]) {
        guard !lines.isEmpty else { return }
        let label = label(of: nil)
        lastLines = Array((lastLines + lines.map(\.text)).suffix(20))
        for var line in lines {
            line.label = label
            worker.log.add(line)
        }
    }
}
