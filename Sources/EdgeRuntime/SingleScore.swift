internal import JSON

/// Answers one request without a server.
package enum SingleScore {
    package struct Answer: Sendable {
        /// As HTTP would have it.
        package let status: UInt16
        package let body: [UInt8]

        package var isSuccess: Bool { (200..<300).contains(status) }
    }

    /// Loads the bundle and answers `body`: an Open Inference request where it has a list of `inputs` and the bundle is
    /// no script, else what `/score` takes.
    package static func run(
        _ bundle: ServedBundle,
        body: [UInt8],
        options: RuntimeOptions,
        log: @escaping @Sendable (String) -> Void
    ) throws -> Answer {
        let scorer = try Scorer.load(bundle, options: options) { log($0.forPeople) }
        defer { scorer.stop() }
        var target = ScoringRequest.Target.score
        if case .native = scorer {
            let limits = JSONLimits(bytes: body.count, values: max(1, body.count))
            let isInfer = (try? JSONValue.parse(body, limits: limits))?["inputs"]?.arrayValue != nil
            if isInfer { target = .infer(headerLength: nil) }
        }
        let reply = scorer.answer(ScoringRequest(target: target, body: body, identifier: "score"))
        return Answer(status: reply.status, body: reply.body)
    }
}
