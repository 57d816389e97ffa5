internal import JSON

/// Answers one request without a server.
package enum SingleScore {
    /// Loads the bundle and answers `body`: an Open Inference request where it has a list of `inputs` and the bundle is
    /// no script, else what `/score` takes. Throws `RuntimeError.notAnswered` with what a caller over HTTP would read.
    package static func answer(
        _ bundle: ServedBundle,
        body: [UInt8],
        options: RuntimeOptions,
        stop: StopRequest,
        log: @escaping @Sendable (String) -> Void
    ) throws -> [UInt8] {
        let scorer = try Scorer.load(bundle, options: options, stop: stop, log: log)
        defer { scorer.stop() }
        var target = ScoringRequest.Target.score
        if case .native = scorer {
            let limits = JSONLimits(bytes: body.count, values: max(1, body.count))
            let isInfer = (try? JSONValue.parse(body, limits: limits))?["inputs"]?.arrayValue != nil
            if isInfer { target = .infer(headerLength: nil) }
        }
        let reply = scorer.answer(ScoringRequest(target: target, body: body, identifier: "score"))
        guard reply.isSuccess else { throw RuntimeError.notAnswered(status: reply.status, problem: problem(in: reply)) }
        return reply.body
    }

    /// The sentence in the body of an error; a script may answer with anything.
    private static func problem(in reply: ScoringReply) -> String {
        let body = try? JSONValue.parse(reply.body, limits: JSONLimits(bytes: 1 << 16))
        let sentence = (body?["error"] ?? body?["message"])?.stringValue
        return sentence ?? String(decoding: reply.body.prefix(1000), as: UTF8.self)
    }
}
