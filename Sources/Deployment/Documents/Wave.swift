internal import JSON
package import WallClock

/// A step of the wave plan: who is in it, and when it may start at the earliest.
package struct Wave: Hashable, Sendable {
    package enum Members: Hashable, Sendable {
        /// The boxes whose draw falls below this share; shares of one plan nest, as all use one draw.
        case percent(Percent)
        case devices(Set<DeviceID>)
        case labels(Selector)
    }

    /// Unique within the plan; a rollout opens a wave by it.
    package var name: String
    package var notBefore: UTCTime?
    package var members: Members

    /// The most boxes that a wave lists by name.
    package static let mostDevices = 10_000

    package init(name: String, members: Members, notBefore: UTCTime? = nil) {
        self.name = name
        self.members = members
        self.notBefore = notBefore
    }
}

extension Wave {
    init(_ fields: JSONFields) throws {
        let kinds = ["percent", "devices", "selector"].filter { fields.optional($0) != nil }
        guard kinds.count == 1, let kind = kinds.first else {
            throw JSONError.unexpected(path: fields.path, problem: "needs exactly one of percent, devices, selector")
        }
        switch kind {
        case "percent": members = .percent(try fields.percent(kind))
        case "devices":
            let texts = try fields.strings(kind)
            let devices = texts.compactMap(DeviceID.init)
            guard (1...Self.mostDevices).contains(texts.count), devices.count == texts.count else {
                throw fields.problem(kind, "is no list of 1 to \(Self.mostDevices) device ids")
            }
            members = .devices(Set(devices))
        default: members = .labels(try Selector(try fields.fields(kind)))
        }
        name = try fields.endpoint("name").text
        notBefore = try fields.optionalTime("notBefore")
    }

    func json() throws(JSONError) -> JSONValue {
        var object: JSONObject = ["name": .string(name)]
        object["notBefore"] = notBefore.map { .string($0.description) }
        switch members {
        case .percent(let percent): object["percent"] = try percent.json()
        case .devices(let devices): object["devices"] = .array(devices.sorted().map { .string($0.text) })
        case .labels(let selector): object["selector"] = selector.json
        }
        return .object(object)
    }
}

extension JSONFields {
    func optionalTime(_ name: String) throws -> UTCTime? {
        guard let text = try optionalString(name) else { return nil }
        guard let time = UTCTime(text) else { throw problem(name, "is no time such as 2027-01-31T04:00:00Z") }
        return time
    }
}
