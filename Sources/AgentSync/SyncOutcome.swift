package import Deployment
package import JSON

/// How a piece of work of `edgeagent-sync` ended: the one line of JSON that it prints last, for the resident agent.
package enum SyncOutcome: Hashable, Sendable {
    /// Done; with what there is to tell of it.
    case done(JSONObject)
    /// Something that says nothing about what was worked on; it may go better later.
    case failed(Circumstance, String)
    /// What was signed is not what this box may take.
    case refused(String)
    /// What was fetched is not what was signed; it was thrown away.
    case damaged(String)
    case waiting(WaitingReason, String)

    package var isDone: Bool { if case .done = self { true } else { false } }

    /// In words, for people.
    package var sentence: String {
        switch self {
        case .done: "done"
        case .failed(_, let words), .refused(let words), .damaged(let words), .waiting(_, let words): words
        }
    }

    package var json: JSONObject {
        switch self {
        case .done(let facts):
            var object: JSONObject = ["outcome": "done"]
            for (name, value) in facts.members where name != "outcome" { object[name] = value }
            return object
        case .failed(let circumstance, let words):
            return ["outcome": "failed", "circumstance": .string(circumstance.rawValue), "sentence": .string(words)]
        case .refused(let words): return ["outcome": "refused", "sentence": .string(words)]
        case .damaged(let words): return ["outcome": "damaged", "sentence": .string(words)]
        case .waiting(let reason, let words):
            return ["outcome": "waiting", "for": .string(reason.rawValue), "sentence": .string(words)]
        }
    }

    /// Without the end of the line.
    package var line: String { String(decoding: JSONValue.object(json).compactBytes(), as: UTF8.self) }
}
