/// One request for `run()`.
package struct ScriptRequest: Sendable {
    package enum Method: String, Sendable {
        /// `run()` gets the body as text.
        case post = "POST"
        /// `run()` gets the query as a JSON object, as text.
        case get = "GET"
    }

    package var method: Method
    /// The part of the target after `?`, still percent-encoded.
    package var query: String?
    /// As received, in order; `run()` sees them if it has a parameter `request_headers`.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// From submission to reply, waiting included. After it the caller gets `timedOut`, and the worker is killed if the
    /// request is in it.
    package var deadline: Duration
    /// What log lines that belong to this request are marked with, such as the prediction id.
    package var label: String

    package init(
        method: Method = .post,
        query: String? = nil,
        headers: [(name: String, value: String)] = [],
        body: [UInt8],
        deadline: Duration,
        label: String = ""
    ) {
        self.method = method
        self.query = query
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.label = label
    }
}

/// What `run()` answered, or why the script could not.
package struct ScriptAnswer: Sendable, Equatable {
    /// 200; 400 where the body is not text; 500 where `run()` raised or returned what JSON can't hold.
    package var status: Int
    /// JSON. Empty where `message` says why there is none.
    package var body: [UInt8]
    /// For the caller, in the words of Azure ML's server where it has them; nil with 200.
    package var message: String?
    /// Milliseconds inside `run()`; nil where it was not called.
    package var runMilliseconds: Double?
}

/// What became of a request.
package enum ScriptReply: Sendable, Equatable {
    case answered(ScriptAnswer)
    /// The queue was full. Nothing was run.
    case overloaded
    /// The deadline passed; if the request was in `run()`, its worker was killed.
    case timedOut
    /// The worker ended during the request; the text says how.
    case workerDied(String)
    /// There is no worker to run it, and will not be soon; the text says why. Nothing was run.
    case unavailable(String)
    /// The request was taken back while it waited. Nothing was run.
    case cancelled
    /// The worker is being stopped. Nothing was run, or run() was cut off.
    case stopped
}

/// A line that the script or its worker wrote, or something the supervisor has to say about them.
package struct ScriptLogLine: Sendable, Equatable {
    package enum Source: String, Sendable {
        case standardOutput, standardError
        /// An exception in `run()`, with its traceback: more than one line.
        case exception
        /// Starts, ends and restarts of the worker.
        case supervisor
    }

    package var source: Source
    package var text: String
    /// True when the line was longer than the limit and its rest was dropped.
    package var isCut: Bool = false
    /// The request that was in the worker, if any.
    package var label: String?

    package init(source: Source, text: String, isCut: Bool = false, label: String? = nil) {
        self.source = source
        self.text = text
        self.isCut = isCut
        self.label = label
    }
}
