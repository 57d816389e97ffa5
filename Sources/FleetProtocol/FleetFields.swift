internal import Deployment
internal import Digest
package import JSON
internal import WallClock

extension JSONFields {
    /// A text of at most `limit` bytes.
    func text(_ name: String, limit: Int = FleetLimits.nameBytes) throws(JSONError) -> String {
        let text = try string(name)
        guard text.utf8.count <= limit else { throw problem(name, "is longer than \(limit) bytes") }
        return text
    }

    func optionalText(_ name: String, limit: Int = FleetLimits.nameBytes) throws(JSONError) -> String? {
        optional(name) == nil ? nil : try text(name, limit: limit)
    }

    func sentence(_ name: String) throws(JSONError) -> String { try text(name, limit: FleetLimits.sentenceBytes) }

    func optionalSentence(_ name: String) throws(JSONError) -> String? {
        try optionalText(name, limit: FleetLimits.sentenceBytes)
    }

    func device(_ name: String) throws(JSONError) -> DeviceID {
        guard let device = DeviceID(try text(name, limit: FleetLimits.deviceBytes)) else {
            throw problem(name, "is no device's id")
        }
        return device
    }

    func endpoint(_ name: String) throws(JSONError) -> EndpointName {
        guard let endpoint = EndpointName(try text(name)) else { throw problem(name, "is no endpoint's name") }
        return endpoint
    }

    func time(_ name: String) throws(JSONError) -> UTCTime {
        guard let time = UTCTime(try text(name)) else { throw problem(name, "is no time such as 2026-01-31T12:00:00Z") }
        return time
    }

    func optionalTime(_ name: String) throws(JSONError) -> UTCTime? { optional(name) == nil ? nil : try time(name) }

    func digest(_ name: String) throws(JSONError) -> SHA256Digest {
        guard let digest = SHA256Digest(hex: try text(name)) else { throw problem(name, "is no SHA-256 digest") }
        return digest
    }

    func count(_ name: String) throws(JSONError) -> Int { try integer(name, in: 0...(1 << 53)) }

    func optionalCount(_ name: String) throws(JSONError) -> Int? { try optionalInteger(name, in: 0...(1 << 53)) }

    /// Labels with names and values as selectors know them; `{}` where there are none.
    func labels(_ name: String) throws(JSONError) -> [String: String] {
        guard let fields = try optionalFields(name) else { return [:] }
        guard fields.object.members.count <= FleetLimits.labels else {
            throw problem(name, "has more than \(FleetLimits.labels) labels")
        }
        var labels: [String: String] = [:]
        for (label, value) in fields.object.members {
            guard LabelName(label) != nil, let value = value.stringValue, LabelValue(value) != nil else {
                throw problem(name, "\(label.prefix(64)) is no label")
            }
            labels[label] = value
        }
        return labels
    }

    func objects(_ name: String, limit: Int) throws(JSONError) -> [JSONFields] {
        let values = try array(name)
        guard values.count <= limit else { throw problem(name, "has more than \(limit) entries") }
        var objects: [JSONFields] = []
        for (index, value) in values.enumerated() {
            objects.append(try JSONFields(value, path: "\(path).\(name)[\(index)]"))
        }
        return objects
    }
}

extension JSONValue {
    /// Names and values, in order of the names.
    package static func labels(_ labels: [String: String]) -> JSONValue {
        .object(JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }

    static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

    static func number(_ number: Int?) -> JSONValue { number.map { .integer($0) } ?? .null }

    static func time(_ time: UTCTime?) -> JSONValue { time.map { .string($0.description) } ?? .null }
}
