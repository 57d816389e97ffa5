internal import Deployment
internal import Digest
package import JSON
internal import WallClock

extension CheckIn {
    /// The version of the message. A server reads every message of its version, and leaves what it does not know alone.
    package static let schema = 1

    package init(_ bytes: [UInt8]) throws(JSONError) {
        try self.init(JSONFields(try JSONValue.parse(bytes, limits: FleetLimits.checkIn), path: "checkin"))
    }

    private init(_ fields: JSONFields) throws(JSONError) {
        guard try fields.integer("schema", in: 1...1000) == Self.schema else {
            throw fields.problem("schema", "is not \(Self.schema)")
        }
        self.init(
            device: try fields.device("device"),
            boot: try fields.text("boot", limit: 64),
            sequence: try fields.count("sequence"),
            moment: try Moment(fields),
            facts: try BoxFacts(try fields.fields("facts"))
        )
        interval = try fields.integer("interval", in: FleetLimits.intervals)
        channel = try fields.optionalText("channel").flatMap { .init(rawValue: $0) }
        labels = try fields.labels("labels")
        metadata = try fields.optionalFields("metadata").map { (fields) throws(JSONError) in
            Metadata(
                timestampVersion: try fields.count("timestampVersion"),
                verified: try fields.time("verified"),
                source: try fields.text("source")
            )
        }
        sync = try fields.optionalFields("sync").map { (fields) throws(JSONError) in
            SyncTrouble(
                waitingFor: try fields.text("waitingFor"),
                sentence: try fields.sentence("sentence"),
                since: try fields.time("since")
            )
        }
        for entry in try fields.objects("endpoints", limit: FleetLimits.endpoints) {
            let endpoint = try EndpointReport(entry)
            guard !endpoints.contains(where: { $0.name == endpoint.name }) else {
                throw fields.problem("endpoints", "names \(endpoint.name) twice")
            }
            endpoints.append(endpoint)
        }
        for entry in try fields.objects("events", limit: FleetLimits.events) { events.append(try EventReport(entry)) }
        let loss = try fields.fields("lost")
        lost = Loss(records: try loss.count("records"), bytes: try loss.count("bytes"))
    }

    package var json: JSONValue {
        var object: JSONObject = [
            "schema": .integer(Self.schema), "device": .string(device.text), "boot": .string(boot),
            "sequence": .integer(sequence), "interval": .integer(interval), "facts": facts.json,
            "channel": .text(channel?.rawValue), "labels": .labels(labels),
            "endpoints": .array(endpoints.map(\.json)), "events": .array(events.map(\.json)),
            "lost": ["records": .integer(lost.records), "bytes": .integer(lost.bytes)],
        ]
        moment.write(to: &object)
        object["metadata"] =
            metadata.map {
                [
                    "timestampVersion": .integer($0.timestampVersion), "verified": .time($0.verified),
                    "source": .string($0.source),
                ]
            } ?? .null
        object["sync"] =
            sync.map {
                ["waitingFor": .string($0.waitingFor), "sentence": .string($0.sentence), "since": .time($0.since)]
            } ?? .null
        return .object(object)
    }
}

extension CheckIn.Moment {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        let clock = try fields.text("clock")
        guard ["trusted", "floor"].contains(clock) else {
            throw fields.problem("clock", "is neither trusted nor floor")
        }
        self.init(try fields.time("time"), isTrusted: clock == "trusted")
    }

    fileprivate func write(to object: inout JSONObject) {
        object["time"] = .time(time)
        object["clock"] = .string(isTrusted ? "trusted" : "floor")
    }
}

extension CheckIn.BoxFacts {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        self.init(
            agent: try fields.text("agent"),
            machine: try fields.text("machine"),
            kernel: try fields.text("kernel"),
            system: try fields.text("system"),
            processors: try fields.count("processors"),
            memoryBytes: try fields.count("memoryBytes"),
            uptime: try fields.count("uptime")
        )
    }

    package var json: JSONValue {
        [
            "agent": .string(agent), "machine": .string(machine), "kernel": .string(kernel),
            "system": .string(system), "processors": .integer(processors), "memoryBytes": .integer(memoryBytes),
            "uptime": .integer(uptime),
        ]
    }
}

extension BundleReport {
    init(_ fields: JSONFields) throws(JSONError) {
        self.init(
            digest: try fields.digest("digest"),
            name: try fields.optionalText("name"),
            version: try fields.optionalText("version"),
            serial: try fields.optionalCount("serial")
        )
    }

    package var json: JSONValue {
        [
            "digest": .string(digest.hex), "name": .text(name), "version": .text(version), "serial": .number(serial),
        ]
    }
}

extension EndpointReport {
    init(_ fields: JSONFields) throws(JSONError) {
        self.init(
            name: try fields.endpoint("name"),
            listen: try fields.text("listen"),
            state: try fields.text("state")
        )
        running = try fields.bundle("running")
        wanted = try fields.bundle("wanted")
        previous = try fields.bundle("previous")
        since = try fields.optionalTime("since")
        result = try fields.optionalText("result")
        sentence = try fields.optionalSentence("sentence")
        containment = try fields.optionalText("containment")
        counters = try fields.optionalFields("counters").map { (fields) throws(JSONError) in
            Counters(
                requests: try fields.count("requests"),
                errors: try fields.count("errors"),
                restarts: try fields.count("restarts"),
                p50Microseconds: try fields.count("p50Microseconds"),
                p99Microseconds: try fields.count("p99Microseconds")
            )
        }
    }

    package var json: JSONValue {
        [
            "name": .string(name.text), "listen": .string(listen), "running": running?.json ?? .null,
            "wanted": wanted?.json ?? .null, "previous": previous?.json ?? .null, "state": .string(state),
            "since": .time(since), "result": .text(result), "sentence": .text(sentence),
            "containment": .text(containment), "counters": counters?.json ?? .null,
        ]
    }
}

extension EndpointReport.Counters {
    package var json: JSONValue {
        [
            "requests": .integer(requests), "errors": .integer(errors), "restarts": .integer(restarts),
            "p50Microseconds": .integer(p50Microseconds), "p99Microseconds": .integer(p99Microseconds),
        ]
    }
}

extension EventReport {
    /// Also how an event waits in a box's spool, where boot and sequence are the record's own.
    package init(_ fields: JSONFields) throws(JSONError) {
        self.init(
            boot: try fields.text("boot", limit: 64),
            sequence: try fields.count("sequence"),
            moment: try CheckIn.Moment(fields),
            endpoint: try fields.endpoint("endpoint"),
            state: try fields.text("state"),
            reason: try fields.text("reason"),
            detail: try fields.sentence("detail")
        )
        serial = try fields.optionalCount("serial")
        bundle = try fields.bundle("bundle")
        result = try fields.optionalText("result")
        log = try fields.optionalText("log", limit: FleetLimits.logBytes)
    }

    package var json: JSONValue {
        var object: JSONObject = [
            "boot": .string(boot), "sequence": .integer(sequence), "endpoint": .string(endpoint.text),
            "state": .string(state), "serial": .number(serial), "bundle": bundle?.json ?? .null,
            "result": .text(result), "reason": .string(reason), "detail": .string(detail), "log": .text(log),
        ]
        moment.write(to: &object)
        return .object(object)
    }
}

extension JSONFields {
    fileprivate func bundle(_ name: String) throws(JSONError) -> BundleReport? {
        try optionalFields(name).map { (fields) throws(JSONError) in try BundleReport(fields) }
    }
}
