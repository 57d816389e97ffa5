package import JSON
package import WallClock

/// The answer to one question about a device or an endpoint: reachable, converged, healthy?
package struct StatusAnswer: Hashable, Sendable {
    package var answer: StatusAnswerKind
    /// A code that stays: docs/fleet-status.md has them all.
    package var reason: String
    /// The formal rule as text.
    package var predicate: String
    /// For people. Names what runs and what is wanted, and says in the box's own words what the box says.
    package var sentence: String
    /// Since when it is so; nil where nobody knows.
    package var since: UTCTime?
    /// What a person can do; nil where nothing is to be done.
    package var next: String?

    package init(
        answer: StatusAnswerKind,
        reason: String,
        predicate: String,
        sentence: String,
        since: UTCTime? = nil,
        next: String? = nil
    ) {
        self.answer = answer
        self.reason = reason
        self.predicate = predicate
        self.sentence = sentence
        self.since = since
        self.next = next
    }

    package var json: JSONValue {
        [
            "answer": .string(answer.rawValue), "reason": .string(reason), "sentence": .string(sentence),
            "since": .moment(since), "next": .words(next), "predicate": .string(predicate),
        ]
    }
}

extension JSONValue {
    static func moment(_ time: UTCTime?) -> JSONValue { time.map { .string($0.description) } ?? .null }

    static func words(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

    /// In order of their names.
    static func labelled(_ labels: [String: String]) -> JSONValue {
        .object(JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }
}
