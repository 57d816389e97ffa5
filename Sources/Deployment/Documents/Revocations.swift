package import Digest
internal import JSON

/// Bundles that must not run any more, signed by the top-level targets role: the strongest no there is.
package struct Revocations: Equatable, Sendable {
    package enum Action: Hashable, Sendable {
        /// Never activated anew; where it runs it serves on.
        case refuse
        /// It also stops where it runs, at once.
        case stop
        /// This bundle takes its place; until that is ready it serves on.
        case replace(by: SHA256Digest)
    }

    package struct Entry: Hashable, Sendable {
        package var action: Action
        package var reason: String

        package init(action: Action, reason: String) {
            self.action = action
            self.reason = reason
        }
    }

    package var entries: [SHA256Digest: Entry]

    /// Where it lies in the repository.
    package static let path = "revocations.json"
    private static let mostEntries = 10_000

    package init(_ entries: [SHA256Digest: Entry] = [:]) { self.entries = entries }

    /// Reads `revocations.json`.
    package static func parse(_ bytes: [UInt8]) throws(DocumentError) -> Revocations {
        try SignedDocument.read(bytes, .revocations, path: path, limits: limits, knowing: []) { fields in
            _ = try fields.value("revoked")
            var entries: [SHA256Digest: Entry] = [:]
            for fields in try fields.list("revoked", most: mostEntries) {
                let digest = try fields.digest("digest")
                guard entries.updateValue(try Entry(fields, of: digest), forKey: digest) == nil else {
                    throw fields.problem("digest", "stands twice")
                }
            }
            return Revocations(entries)
        }
    }

    private static let limits = JSONLimits(bytes: 16 << 20, depth: 8, values: 100_000)

    /// The canonical bytes, entries in the order of their digests.
    package func encoded() throws(DocumentError) -> [UInt8] {
        let listed = entries.sorted { $0.key < $1.key }.map { digest, entry -> JSONValue in
            var object: JSONObject = ["digest": .string(digest.hex), "reason": .string(entry.reason)]
            switch entry.action {
            case .refuse: object["action"] = "refuse"
            case .stop: object["action"] = "stop"
            case .replace(let other):
                object["action"] = "replace"
                object["by"] = .string(other.hex)
            }
            return .object(object)
        }
        do throws(JSONError) {
            return try SignedDocument.write(["revoked": .array(listed)], requiring: [])
        } catch {
            throw .malformed(.revocations, path: Self.path, error)
        }
    }
}

extension Revocations.Entry {
    fileprivate init(_ fields: JSONFields, of digest: SHA256Digest) throws {
        switch try fields.string("action") {
        case "refuse": action = .refuse
        case "stop": action = .stop
        case "replace":
            let other = try fields.digest("by")
            guard other != digest else { throw fields.problem("by", "is the bundle itself") }
            action = .replace(by: other)
        case let other:
            guard SignedDocument.isFeatureName(other) else { throw fields.problem("action", "is no word") }
            throw UnknownFeatures("action", other)
        }
        reason = try fields.line("reason")
    }
}
