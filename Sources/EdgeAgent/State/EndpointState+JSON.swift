internal import Deployment
internal import Digest
package import JSON
internal import WallClock

extension EndpointState {
    /// Of the file. What is written stays below a fifth of it; a newer agent may write more.
    package static let limits = JSONLimits(bytes: 512 << 10, depth: 16, values: 50_000)

    /// Reads a state file. Members that aren't known are kept for the next writing.
    ///
    /// Throws where it is anything else than a state: it is never guessed at.
    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> EndpointState {
        let value = try JSONValue.parse(bytes, limits: limits)
        let fields = try JSONFields(value, path: "state")
        guard let endpoint = EndpointName(try fields.string("endpoint")) else {
            throw fields.problem("endpoint", "is no endpoint's name")
        }
        let update = try UpdateProgress(try fields.fields("update"))
        var state = EndpointState(endpoint: endpoint, progress: update, original: value)
        state.waves = try fields.list("waves").map { entry throws(JSONError) in try WaveAssignment(entry) }
        if let floor = try fields.optionalTime("clockFloor") { state.raiseClockFloor(to: floor) }
        state.runtimes = try fields.list("runtimes").map { entry throws(JSONError) in try RuntimeRecord(entry) }
        state.history = UpdateHistory(
            try fields.list("history").map { entry throws(JSONError) in try UpdateHistory.Entry(entry) }
        )
        if fields.optional("boot") != nil { state.boot = try fields.boot("boot") }
        state.trouble = try fields.optionalString("trouble")
        state.isStopped = try fields.optionalBoolean("stopped") ?? false
        return state
    }

    /// The canonical bytes.
    package func encoded() throws(JSONError) -> [UInt8] {
        let known: JSONValue = [
            "boot": .optional(boot?.text), "clockFloor": .optional(clockFloor?.description),
            "endpoint": .string(endpoint.text), "history": .array(history.entries.map(\.json)),
            "runtimes": .array(runtimes.map(\.json)), "stopped": .boolean(isStopped), "trouble": .optional(trouble),
            "update": progress.json, "waves": .array(waves.map(\.json)),
        ]
        return try known.keepingUnknown(of: original).canonicalBytes()
    }
}

extension WaveAssignment {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        var waves: [Int] = []
        for element in try fields.array("waves") {
            guard let index = element.integerValue.flatMap({ Int(exactly: $0) }), (0...1000).contains(index) else {
                throw fields.problem("waves", "holds something other than indices of waves")
            }
            waves.append(index)
        }
        self.init(
            deployment: try fields.digest("deployment"),
            serial: try fields.integer("serial", in: JSONFields.counts),
            waves: waves
        )
    }

    fileprivate var json: JSONValue {
        [
            "deployment": .string(deployment.hex), "serial": .integer(serial),
            "waves": .array(waves.map { .integer($0) }),
        ]
    }
}

extension RuntimeRecord {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        self.init(
            processID: Int32(try fields.integer("pid", in: 1...Int(Int32.max))),
            startTime: try fields.integer("startTime", in: JSONFields.counts),
            boot: try fields.boot("boot"),
            slot: try fields.choice("slot"),
            bundle: try fields.digest("bundle")
        )
    }

    fileprivate var json: JSONValue {
        [
            "boot": .string(boot.text), "bundle": .string(bundle.hex), "pid": .integer(processID),
            "slot": .string(slot.rawValue), "startTime": .integer(startTime),
        ]
    }
}

extension UpdateHistory.Entry {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        guard let time = try fields.optionalTime("time") else { throw fields.problem("time", "is missing") }
        self.init(
            sequence: try fields.integer("sequence", in: JSONFields.counts),
            time: time,
            isTimeTrusted: try fields.optionalBoolean("trusted") ?? false,
            boot: try fields.string("boot"),
            state: try fields.string("state"),
            serial: try fields.optionalInteger("serial", in: JSONFields.counts),
            bundle: try fields.optionalDigest("bundle"),
            result: try fields.optionalString("result"),
            reason: try fields.string("reason"),
            detail: try fields.string("detail")
        )
    }

    package var json: JSONValue {
        [
            "boot": .string(boot), "bundle": .optional(bundle?.hex), "detail": .string(detail),
            "reason": .string(reason), "result": .optional(result), "sequence": .integer(sequence),
            "serial": .optional(serial), "state": .string(state), "time": .string(time.description),
            "trusted": .boolean(isTimeTrusted),
        ]
    }
}
