internal import Deployment
internal import Digest
internal import FleetProtocol
package import JSON
internal import WallClock

extension DeviceStatus {
    /// A row of a list.
    package var json: JSONValue { .object(members(isWhole: false)) }

    /// - Parameter isWhole: with the box's sentences as long as they are.
    func members(isWhole: Bool) -> JSONObject {
        let report = record.report
        return [
            "id": .string(record.device.text), "membership": .string(record.membership.rawValue),
            "labels": .labelled(record.labels), "ownLabels": .labelled(report?.labels ?? [:]),
            "channel": .words(report?.channel?.rawValue), "enrolled": .moment(record.enrolled),
            "lastSeen": .moment(report?.lastSeen), "interval": report.map { .integer($0.interval) } ?? .null,
            "agent": .words(report?.facts.agent), "address": .words(report?.address), "reachable": reachable.json,
            "converged": converged.json, "healthy": healthy.json,
            "endpoints": .array(endpoints.map { $0.json(isWhole: isWhole) }),
        ]
    }
}

extension DeviceStatus.Endpoint {
    fileprivate func json(isWhole: Bool) -> JSONValue {
        let report = record.report
        return [
            "name": .string(report.name.text), "listen": .string(report.listen),
            "running": report.running?.json ?? .null, "wanted": report.wanted?.json ?? .null,
            "previous": report.previous?.json ?? .null, "state": .string(report.state),
            "since": .moment(report.since), "result": .words(report.result),
            "sentence": .words(isWhole ? report.sentence : report.sentence?.cut),
            "containment": .words(report.containment), "counters": report.counters?.json ?? .null,
            "converged": converged.json, "healthy": healthy.json,
        ]
    }
}

extension EventRecord {
    /// Without the log.
    package var json: JSONValue { .object(members) }

    /// With it.
    package var jsonWithLog: JSONValue {
        var object = members
        object["log"] = .words(report?.log)
        return .object(object)
    }

    private var members: JSONObject {
        var object: JSONObject = [
            "id": .integer(id), "received": .moment(received), "device": .string(device.text), "kind": .string(kind),
            "sentence": .string(told), "hasLog": .boolean(hasLog),
        ]
        guard let report else { return object }
        object["time"] = .moment(report.moment.time)
        object["clock"] = report.moment.isTrusted ? "trusted" : "floor"
        object["endpoint"] = .string(report.endpoint.text)
        object["state"] = .string(report.state)
        object["result"] = .words(report.result)
        object["reason"] = .string(report.reason)
        object["detail"] = .string(report.detail)
        object["serial"] = report.serial.map { .integer($0) } ?? .null
        object["bundle"] = report.bundle?.json ?? .null
        return object
    }

    /// What happened, in a sentence that names endpoint and bundle.
    package var told: String {
        guard let report else { return sentence.cut }
        return report.told
    }
}

extension RefusalRecord {
    package var json: JSONValue {
        [
            "code": .string(code.rawValue), "count": .integer(count), "last": .moment(last),
            "address": .string(address), "device": .words(device), "sentence": .string(sentence.cut),
        ]
    }
}

extension LogLine {
    var json: JSONValue {
        ["time": .moment(time), "severity": .integer(severity), "body": .string(body.cut)]
    }
}

extension MetricSeries {
    /// More points are no line on a screen.
    private static let points = 2000

    /// With as many points as can be looked at, the newest always among them.
    var json: JSONValue {
        let step = max((points.count + Self.points - 1) / Self.points, 1)
        let shown = points.indices.lazy.filter { (points.count - 1 - $0) % step == 0 }.map { points[$0] }
        return [
            "name": .string(name), "unit": .string(unit), "attributes": .labelled(attributes),
            "cumulative": .boolean(isCumulative),
            // JSON knows no NaN and no infinity.
            "points": .array(
                shown.compactMap { point in
                    (try? JSONNumber(point.value)).map { .array([.integer(point.time.seconds), .number($0)]) }
                }
            ),
        ]
    }
}
