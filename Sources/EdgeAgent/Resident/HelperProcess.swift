internal import Deployment
internal import Glibc
internal import Processes

/// A program that the agent started for one piece of work, with what it prints.
///
/// It dies with the agent: what it does is done again by the next one.
final class HelperProcess {
    let child: ChildProcess
    private let output: Int32
    /// Its end, where it is long.
    private(set) var printed: [UInt8] = []
    private var isOpen = true
    /// Longer output is cut from the front: the outcome is the last line.
    private static let limitBytes = 64 << 10

    init(_ program: String, _ arguments: [String], environment: [String: String]) throws(ProcessError) {
        let pipe = try Processes.outputPipe()
        defer { close(pipe.writeEnd) }
        let specification = ProcessSpecification(
            program: program,
            arguments: arguments,
            environment: environment,
            // What it says besides is told in the outcome's sentence, once and not at every poll.
            descriptors: [1: pipe.writeEnd, 2: pipe.writeEnd],
            group: .new,
            parentDeathSignal: SIGKILL
        )
        do {
            child = try ChildProcess(specification)
        } catch {
            close(pipe.readEnd)
            throw error
        }
        output = pipe.readEnd
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(output)
        _ = try? child.killAndWait()
    }

    /// What becomes readable when there is something to do.
    var descriptors: [Int32] {
        var watched = isOpen ? [output] : []
        if let exit = child.exitDescriptor { watched.append(exit) }
        return watched
    }

    /// Takes in what was printed. The outcome once the program has ended.
    func advance() -> HelperOutcome? {
        read()
        let status: ExitStatus?
        do throws(ProcessError) {
            status = try child.poll()
        } catch {
            return .failed(.helperKilled, error.message)
        }
        guard let status else { return nil }
        // What it started itself may still hold the pipe: what it printed until its end is all that counts.
        read()
        return HelperOutcome(output: printed, ended: status.description)
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while isOpen {
            let count = Glibc.read(output, &buffer, buffer.count)
            if count > 0 {
                printed += buffer[..<count]
                if printed.count > Self.limitBytes { printed.removeFirst(printed.count - Self.limitBytes) }
            } else if count < 0, errno == EINTR {
                continue
            } else {
                if count == 0 { isOpen = false }
                return
            }
        }
    }
}

/// Work of helpers, one after the other: two of a lane would write the same files.
final class HelperLane {
    private struct Job {
        let owner: AnyObject
        let arguments: [String]
        let limit: Duration?
        let done: (HelperOutcome, _ printed: [UInt8]) -> Void
    }

    private let program: String
    /// Read once: it does not change, and reading it takes more code than all else of a poll.
    private let environment = Processes.inheritedEnvironment()
    private var waiting: [Job] = []
    private var running: (job: Job, process: HelperProcess, end: Duration?)?

    init(program: String) { self.program = program }

    var isIdle: Bool { running == nil && waiting.isEmpty }
    var descriptors: [Int32] { running?.process.descriptors ?? [] }

    /// When work that is under way will have taken too long; nil where it may take its time.
    var deadline: Duration? { running?.end }

    /// Queues work. `done` is called from ``advance(at:)``, never from here.
    ///
    /// - Parameter limit: how long it may take once it was begun; then it is killed.
    func add(
        for owner: AnyObject,
        _ arguments: [String],
        limit: Duration? = nil,
        done: @escaping (HelperOutcome) -> Void
    ) {
        add(for: owner, arguments, limit: limit) { outcome, _ in done(outcome) }
    }

    /// The same for whoever needs more of what was printed than how it went.
    func add(
        for owner: AnyObject,
        _ arguments: [String],
        limit: Duration? = nil,
        done: @escaping (HelperOutcome, _ printed: [UInt8]) -> Void
    ) {
        waiting.append(Job(owner: owner, arguments: arguments, limit: limit, done: done))
    }

    /// Stops what was begun for this owner; nothing of it is told any more.
    func cancel(for owner: AnyObject) {
        waiting.removeAll { $0.owner === owner }
        if let running, running.job.owner === owner { self.running = nil }
    }

    /// Starts and ends work. True where something ended, so that there may be more to do at once.
    ///
    /// - Parameter now: on the clock of the limits.
    func advance(at now: Duration) -> Bool {
        var hasEnded = false
        while true {
            if let running {
                var outcome = running.process.advance()
                if outcome == nil, let end = running.end, now >= end {
                    outcome = .failed(.helperKilled, "edgeagent-sync took too long and was ended")
                }
                guard let outcome else { return hasEnded }
                self.running = nil
                hasEnded = true
                running.job.done(outcome, running.process.printed)
            }
            guard running == nil, !waiting.isEmpty else { return hasEnded }
            let job = waiting.removeFirst()
            do throws(ProcessError) {
                let process = try HelperProcess(program, job.arguments, environment: environment)
                running = (job, process, job.limit.map { now + $0 })
            } catch {
                hasEnded = true
                job.done(.failed(.helperKilled, error.message), [])
            }
        }
    }
}
