package import Digest
internal import JSON

/// The signed state of carrying a deployment out: how far it has got, in waves that operators signed.
///
/// Design section 6: "the server's key can only move, pause and abort what operators signed."
package struct Rollout: Equatable, Sendable {
    package enum State: String, CaseIterable, Sendable {
        case running, paused, aborted
    }

    /// A deployment whose plan was carried out to its last wave and that still stands for its audience.
    package struct Completed: Hashable, Sendable {
        package var deployment: SHA256Digest
        package var serial: Int

        package init(deployment: SHA256Digest, serial: Int) {
            self.deployment = deployment
            self.serial = serial
        }
    }

    package var location: RolloutLocation
    /// SHA-256 of the deployment's document.
    package var deployment: SHA256Digest
    package var serial: Int
    /// Rises with every change within a serial.
    package var epoch: Int
    package var state: State
    /// The last wave that is open, by its name in the plan; nil where none is yet.
    package var openWave: String?
    /// Earlier deployments for other audiences, so that a box that joins one of them is not left waiting.
    package var completed: [Completed] = []
    /// Why it was paused or aborted.
    package var reason: String?

    private static let completedFeature = "completed"
    private static let mostCompleted = 256

    package init(
        location: RolloutLocation,
        deployment: SHA256Digest,
        serial: Int,
        epoch: Int,
        state: State,
        openWave: String?
    ) {
        self.location = location
        self.deployment = deployment
        self.serial = serial
        self.epoch = epoch
        self.state = state
        self.openWave = openWave
    }

    /// Reads `rollouts/CHANNEL/ENDPOINT.json` from where it lies.
    package static func parse(_ bytes: [UInt8], at location: RolloutLocation) throws(DocumentError) -> Rollout {
        try SignedDocument.read(bytes, .rollout, path: location.path, knowing: [completedFeature]) {
            try Rollout($0, at: location)
        }
    }

    /// The canonical bytes.
    package func encoded() throws(DocumentError) -> [UInt8] {
        var object: JSONObject = [
            "channel": .string(location.channel.rawValue), "endpoint": .string(location.endpoint.text),
            "deployment": .string(deployment.hex), "serial": .integer(serial), "epoch": .integer(epoch),
            "state": .string(state.rawValue),
        ]
        object["openWave"] = openWave.map { .string($0) }
        object["reason"] = reason.map { .string($0) }
        if !completed.isEmpty {
            object["completed"] = .array(
                completed.map { ["deployment": .string($0.deployment.hex), "serial": .integer($0.serial)] }
            )
        }
        do throws(JSONError) {
            return try SignedDocument.write(object, requiring: completed.isEmpty ? [] : [Self.completedFeature])
        } catch {
            throw .malformed(.rollout, path: location.path, error)
        }
    }

    private init(_ fields: JSONFields, at location: RolloutLocation) throws {
        guard try fields.string("channel") == location.channel.rawValue,
            try fields.string("endpoint") == location.endpoint.text
        else { throw JSONError.unexpected(path: "", problem: "its channel or endpoint is another than its path says") }
        self.location = location
        deployment = try fields.digest("deployment")
        serial = try fields.integer("serial", in: 1...SignedDocument.largestInteger)
        epoch = try fields.integer("epoch", in: 1...SignedDocument.largestInteger)
        state = try fields.choice("state", "state")
        openWave = try fields.optional("openWave") == nil ? nil : fields.endpoint("openWave").text
        reason = try fields.optionalLine("reason")
        completed = try fields.list("completed", most: Self.mostCompleted).map { entry in
            Completed(
                deployment: try entry.digest("deployment"),
                serial: try entry.integer("serial", in: 1...SignedDocument.largestInteger)
            )
        }
    }
}
