/// Where a document lies in the repository; what it says of itself must agree.
package struct DeploymentLocation: Hashable, Sendable {
    package let channel: Channel
    package let endpoint: EndpointName
    /// The deployment's number among those of its channel and endpoint; it only rises.
    package let serial: Int

    package init(channel: Channel, endpoint: EndpointName, serial: Int) {
        self.channel = channel
        self.endpoint = endpoint
        self.serial = serial
    }

    /// From `deployments/CHANNEL/ENDPOINT/SERIAL.json`; nil for any other path.
    package init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "deployments", let channel = Channel(rawValue: parts[1]),
            let endpoint = EndpointName(parts[2]), let serial = number(ofFile: parts[3])
        else { return nil }
        self.init(channel: channel, endpoint: endpoint, serial: serial)
    }

    package var path: String { "deployments/\(channel.rawValue)/\(endpoint)/\(serial).json" }
}

/// Where a rollout lies: one for each channel and endpoint.
package struct RolloutLocation: Hashable, Sendable {
    package let channel: Channel
    package let endpoint: EndpointName

    package init(channel: Channel, endpoint: EndpointName) {
        self.channel = channel
        self.endpoint = endpoint
    }

    /// From `rollouts/CHANNEL/ENDPOINT.json`; nil for any other path.
    package init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[0] == "rollouts", let channel = Channel(rawValue: parts[1]),
            parts[2].hasSuffix(".json"), let endpoint = EndpointName(String(parts[2].dropLast(5)))
        else { return nil }
        self.init(channel: channel, endpoint: endpoint)
    }

    package var path: String { "rollouts/\(channel.rawValue)/\(endpoint).json" }
}

/// Where an acceptance set's document lies.
package struct AcceptanceLocation: Hashable, Sendable {
    package let endpoint: EndpointName
    package let version: Int

    package init(endpoint: EndpointName, version: Int) {
        self.endpoint = endpoint
        self.version = version
    }

    /// From `acceptance/ENDPOINT/VERSION.json`; nil for any other path.
    package init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[0] == "acceptance", let endpoint = EndpointName(parts[1]),
            let version = number(ofFile: parts[2])
        else { return nil }
        self.init(endpoint: endpoint, version: version)
    }

    package var path: String { "acceptance/\(endpoint)/\(version).json" }
}

/// The number in `NUMBER.json`, written in its one way.
private func number(ofFile name: String) -> Int? {
    guard name.hasSuffix(".json"), let number = Int(name.dropLast(5)), "\(number).json" == name,
        (1...SignedDocument.largestInteger).contains(number)
    else { return nil }
    return number
}
