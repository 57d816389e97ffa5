internal import Deployment
internal import Digest
internal import JSON

// Members that are nil are written as null, so that a member that is absent from what we write is one we don't know.

extension UpdateProgress {
    /// Failures that are kept; those of the newest deployments win.
    private static let mostRecords = 64

    init(_ fields: JSONFields) throws(JSONError) {
        var records: [AttemptKey: AttemptRecord] = [:]
        for entry in try fields.list("ledger") {
            let (key, record) = try AttemptRecord.parse(entry)
            records[key] = record
        }
        let progress = UpdateProgress(
            state: try fields.choice("state"),
            attempt: try fields.optionalFields("attempt").map { value throws(JSONError) in try UpdateAttempt(value) },
            waiting: try fields.optionalFields("waiting").map { value throws(JSONError) in try UpdateWait(value) },
            generations: try EndpointGenerations(try fields.fields("generations")),
            ledger: RetryLedger(records),
            last: try fields.optionalFields("last").map { value throws(JSONError) in try EndedAttempt(value) },
            lastActivation: try fields.optionalMilliseconds("lastActivationMilliseconds")
        )
        guard let progress else { throw fields.problem("attempt", "does not go with the state") }
        self = progress
    }

    var json: JSONValue {
        let newest = ledger.records.sorted { left, right in
            if left.key.serial != right.key.serial { return left.key.serial > right.key.serial }
            return (left.key.bundle, left.key.host) < (right.key.bundle, right.key.host)
        }
        return [
            "attempt": attempt?.json ?? .null, "generations": generations.json,
            "last": last?.json ?? .null, "lastActivationMilliseconds": .optional(lastActivation?.milliseconds),
            "ledger": .array(newest.prefix(Self.mostRecords).map { $0.value.json($0.key) }),
            "state": .string(stored.state.rawValue), "waiting": waiting?.json ?? .null,
        ]
    }
}

extension UpdateAttempt {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        let candidate = UpdateCandidate(
            serial: try fields.integer("serial", in: JSONFields.counts),
            bundle: try fields.digest("bundle"),
            fallbacks: try fields.digests("fallbacks"),
            deadline: try fields.optionalMilliseconds("deadlineMilliseconds")
        )
        self.init(
            candidate: candidate,
            before: try EndpointGenerations(try fields.fields("before")),
            worked: try fields.optionalMilliseconds("workedMilliseconds") ?? .zero,
            furthest: try fields.choice("furthest")
        )
        setbacks = try fields.integer("setbacks", in: 0...Int(Int32.max))
        probedOn = try fields.optionalDigest("probedOn")
        isSwitched = try fields.optionalBoolean("switched") ?? false
        rollbackTarget = try fields.optionalDigest("rollbackTarget")
        failedRollbacks = try fields.integer("failedRollbacks", in: 0...Int(Int32.max))
        ending = try fields.optionalFields("ending").map { value throws(JSONError) in try UpdateEnding(value) }
    }

    fileprivate var json: JSONValue {
        [
            "before": before.json, "bundle": .string(candidate.bundle.hex),
            "deadlineMilliseconds": .optional(candidate.deadline?.milliseconds), "ending": ending?.json ?? .null,
            "failedRollbacks": .integer(failedRollbacks), "fallbacks": .digests(candidate.fallbacks),
            "furthest": .string(furthest.rawValue), "probedOn": .optional(probedOn?.hex),
            "rollbackTarget": .optional(rollbackTarget?.hex), "serial": .integer(candidate.serial),
            "setbacks": .integer(setbacks), "switched": .boolean(isSwitched),
            "workedMilliseconds": .integer(worked.milliseconds),
        ]
    }
}

extension UpdateWait {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        self.init(try fields.choice("for"), isBackOff: try fields.optionalBoolean("backOff") ?? false)
    }

    fileprivate var json: JSONValue { ["backOff": .boolean(isBackOff), "for": .string(reason.rawValue)] }
}

extension EndpointGenerations {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        self.init(
            current: try fields.optionalFields("current").map { value throws(JSONError) in
                try InstalledGeneration(value)
            },
            previous: try fields.optionalFields("previous").map { value throws(JSONError) in
                try InstalledGeneration(value)
            },
            fallbacks: try fields.digests("fallbacks")
        )
    }

    fileprivate var json: JSONValue {
        [
            "current": current?.json ?? .null, "fallbacks": .digests(fallbacks), "previous": previous?.json ?? .null,
        ]
    }
}

extension InstalledGeneration {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        self.init(
            bundle: try fields.digest("bundle"),
            serial: try fields.integer("serial", in: JSONFields.counts),
            probedOn: try fields.optionalDigest("probedOn")
        )
    }

    fileprivate var json: JSONValue {
        ["bundle": .string(bundle.hex), "probedOn": .optional(probedOn?.hex), "serial": .integer(serial)]
    }
}

extension UpdateEnding {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        guard let result = UpdateResult(code: try fields.string("result")) else {
            throw fields.problem("result", "is no result of an update")
        }
        self.init(result, try fields.choice("reason"), try fields.string("detail"))
    }

    fileprivate var json: JSONValue {
        ["detail": .string(detail), "reason": .string(reason.rawValue), "result": .string(result.code)]
    }
}

extension EndedAttempt {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        self.init(
            serial: try fields.integer("serial", in: JSONFields.counts),
            bundle: try fields.digest("bundle"),
            ending: try UpdateEnding(try fields.fields("ending")),
            worked: try fields.optionalMilliseconds("workedMilliseconds") ?? .zero
        )
    }

    fileprivate var json: JSONValue {
        [
            "bundle": .string(bundle.hex), "ending": ending.json, "serial": .integer(serial),
            "workedMilliseconds": .integer(worked.milliseconds),
        ]
    }
}

extension AttemptRecord {
    fileprivate static func parse(_ fields: JSONFields) throws(JSONError) -> (AttemptKey, AttemptRecord) {
        let key = AttemptKey(
            serial: try fields.integer("serial", in: JSONFields.counts),
            bundle: try fields.digest("bundle"),
            host: try fields.digest("host")
        )
        var record = AttemptRecord()
        if let verdict = try fields.optionalFields("verdict") {
            record.verdict = Verdict(judge: try verdict.choice("judge"), reason: try verdict.string("reason"))
        }
        record.strikes = try fields.integer("strikes", in: 0...Int(Int32.max))
        record.setbacks = try fields.integer("setbacks", in: 0...Int(Int32.max))
        if fields.optional("circumstance") != nil { record.lastCircumstance = try fields.choice("circumstance") }
        return (key, record)
    }

    fileprivate func json(_ key: AttemptKey) -> JSONValue {
        let judged: JSONValue? = verdict.map {
            ["judge": .string($0.judge.rawValue), "reason": .string($0.reason)]
        }
        return [
            "bundle": .string(key.bundle.hex), "circumstance": .optional(lastCircumstance?.rawValue),
            "host": .string(key.host.hex), "serial": .integer(key.serial), "setbacks": .integer(setbacks),
            "strikes": .integer(strikes), "verdict": judged ?? .null,
        ]
    }
}
