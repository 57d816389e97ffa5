package import Deployment
internal import FileSystem
package import JSON
package import WallClock

/// What stands between the box and metadata that it could believe: the file `sync.json`.
///
/// The resident agent writes it when a look at the repository fails, and removes it when one goes well, so that whoever
/// asks the box is not told of an old plan as if it was today's.
package struct SyncProblem: Equatable, Sendable {
    /// What new updates wait for meanwhile.
    package var reason: WaitingReason
    /// For people: what failed, and why.
    package var sentence: String
    /// When it was first seen so.
    package var since: UTCTime

    package init(reason: WaitingReason, sentence: String, since: UTCTime) {
        self.reason = reason
        self.sentence = sentence.cut(toBytes: Self.longestSentence)
        self.since = since
    }

    private static let longestSentence = 1000
    private static let limits = JSONLimits(bytes: 16 << 10, depth: 4, values: 32)

    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> SyncProblem {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "sync")
        guard let since = try fields.optionalTime("since") else { throw fields.problem("since", "is missing") }
        return SyncProblem(
            reason: try fields.choice("waitingFor"),
            sentence: try fields.string("sentence"),
            since: since
        )
    }

    package func encoded() throws(JSONError) -> [UInt8] { try json.canonicalBytes() }

    package var json: JSONValue {
        [
            "sentence": .string(sentence), "since": .string(since.description),
            "waitingFor": .string(reason.rawValue),
        ]
    }

    /// What is noted now; nil where nothing is, or where it can't be read: it only informs.
    package static func noted(in layout: StoreLayout) -> SyncProblem? {
        guard let bytes = try? FileSystem.read(layout.syncProblem, limit: limits.bytes) else { return nil }
        return try? parse(bytes)
    }

    /// Notes it, or with nil that all is well again. The same problem is written once, however often it is met.
    static func note(_ problem: SyncProblem?, in layout: StoreLayout) throws {
        let before = noted(in: layout)
        guard let problem else {
            if try FileSystem.status(of: layout.syncProblem) != nil { try FileSystem.removeFile(layout.syncProblem) }
            return
        }
        guard before?.reason != problem.reason || before?.sentence != problem.sentence else { return }
        try FileSystem.write(try problem.encoded(), to: layout.syncProblem)
    }
}
