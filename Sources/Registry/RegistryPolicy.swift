internal import JSON
internal import UpdateFramework

/// How long what is signed is good for, kept for all writers of a repository in the document `registry.json`, which
/// `targets` signs: whoever may only write files can't have the keeper sign a timestamp that is good for ever.
package struct RegistryPolicy: Equatable, Sendable {
    package var root: Duration
    /// Of `targets` and of all delegated roles.
    package var targets: Duration
    package var snapshot: Duration
    package var timestamp: Duration
    /// How often boxes are asked to look.
    package var poll: Duration

    /// Where it lies in the repository.
    package static let path = "registry.json"
    private static let format = "1.0"

    package init(
        root: Duration = .seconds(365 * 86_400),
        targets: Duration = .seconds(365 * 86_400),
        snapshot: Duration = .seconds(7 * 86_400),
        timestamp: Duration = .seconds(86_400),
        poll: Duration = .seconds(300)
    ) {
        self.root = root
        self.targets = targets
        self.snapshot = snapshot
        self.timestamp = timestamp
        self.poll = poll
    }

    /// Ten years; nobody means more.
    package static let lifetimes: ClosedRange<Duration> = .seconds(60) ... .seconds(3650 * 86_400)
    /// What a timestamp may ask boxes for.
    package static let polls: ClosedRange<Duration> = .seconds(1) ... .seconds(604_800)

    var online: RepositoryEditor.Lifetimes { RepositoryEditor.Lifetimes(snapshot: snapshot, timestamp: timestamp) }

    func encoded() throws -> [UInt8] {
        let value: JSONValue = [
            "format": .string(Self.format),
            "lifetimeSeconds": [
                "root": .integer(root.components.seconds), "snapshot": .integer(snapshot.components.seconds),
                "targets": .integer(targets.components.seconds), "timestamp": .integer(timestamp.components.seconds),
            ],
            "pollSeconds": .integer(poll.components.seconds),
        ]
        return try value.canonicalBytes()
    }

    static func parse(_ bytes: [UInt8]) throws(RegistryError) -> RegistryPolicy {
        do throws(JSONError) {
            let fields = try JSONFields(try JSONValue.parse(bytes, limits: JSONLimits(bytes: 65_536)), path: "")
            let format = try fields.string("format")
            guard format.hasPrefix("1.") else { throw .unexpected(path: "format", problem: format) }
            let lifetimes = try fields.fields("lifetimeSeconds")
            func lifetime(_ name: String) throws(JSONError) -> Duration {
                let range =
                    Int(
                        Self.lifetimes.lowerBound.components.seconds
                    )...Int(Self.lifetimes.upperBound.components.seconds)
                return .seconds(try lifetimes.integer(name, in: range))
            }
            return RegistryPolicy(
                root: try lifetime("root"),
                targets: try lifetime("targets"),
                snapshot: try lifetime("snapshot"),
                timestamp: try lifetime("timestamp"),
                poll: .seconds(try fields.integer("pollSeconds", in: 1...604_800))
            )
        } catch {
            if case .unexpected("format", let format) = error { throw .tooNew(format: format) }
            throw .badPolicy(reason: error.message)
        }
    }
}
