package import Digest

/// Where a runtime is between its start and its end.
package enum RuntimeState: String, CaseIterable, Sendable {
    /// The model is being loaded and tried.
    case loading
    /// It could answer, and has no socket to accept on yet.
    case standby
    /// It accepts and answers.
    case serving
    /// It no longer accepts, and ends when what is under way was answered.
    case draining
    /// It could not be loaded; the process is about to end.
    case failed
}

/// How a runtime knows that what it serves is the bundle that it names.
package enum DigestLevel: String, CaseIterable, Sendable {
    /// It has read the manifest: whoever wrote the folder vouches for the files.
    case manifest
    /// It has read the model's bytes as well, and compared.
    case model
}

/// Who answers on a control socket.
package struct RuntimeGreeting: Hashable, Sendable {
    package var processID: Int32
    package var state: RuntimeState
    /// The bundle; nil for what was never built, in development.
    package var digest: SHA256Digest?
    package var level: DigestLevel

    package init(processID: Int32, state: RuntimeState, digest: SHA256Digest?, level: DigestLevel) {
        self.processID = processID
        self.state = state
        self.digest = digest
        self.level = level
    }
}

/// What a runtime has counted since it began to serve.
package struct ServingCounters: Hashable, Sendable {
    /// Answers to scoring requests, of every status.
    package var requests: Int
    /// Those among them that were the model's fault or the runtime's: 5xx but 503.
    package var errors: Int
    /// Those that were turned away for want of room: 429 and 503.
    package var busy: Int
    /// Times a script's worker ended by itself.
    package var restarts: Int
    /// Half of the predictions took at most so long, in microseconds; 0 where there was none. Within a quarter of the
    /// value, as times are counted in classes.
    package var p50Microseconds: Int
    /// 99 of 100 predictions took at most so long; see above.
    package var p99Microseconds: Int
    /// How long predictions took; nil where the runtime doesn't tell.
    package var latencies: LatencyCounts?

    package init(
        requests: Int = 0,
        errors: Int = 0,
        busy: Int = 0,
        restarts: Int = 0,
        p50Microseconds: Int = 0,
        p99Microseconds: Int = 0,
        latencies: LatencyCounts? = nil
    ) {
        self.requests = requests
        self.errors = errors
        self.busy = busy
        self.restarts = restarts
        self.p50Microseconds = p50Microseconds
        self.p99Microseconds = p99Microseconds
        self.latencies = latencies
    }
}
