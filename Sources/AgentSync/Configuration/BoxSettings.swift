package import Deployment
internal import Diagnostics
package import EdgeAgent
internal import FileSystem
package import YAML

/// What people say of a box: `config.yaml`, and options of the command line, which count more. Nil is what nobody said.
package struct BoxSettings: Equatable, Sendable {
    package var device: DeviceID?
    package var channel: Channel?
    /// A URL, or the absolute path of a folder.
    package var repository: String?
    /// Absolute path of the root to begin with.
    package var root: String?
    package var labels: [LabelName: LabelValue] = [:]
    /// The address of each endpoint.
    package var endpoints: [EndpointName: String] = [:]
    package var pollSeconds: Int?
    package var offlineMaximumAgeDays: Int?
    package var diskReserveBytes: Int?
    package var startLimitSeconds: Int?
    package var runtime: String?
    package var launcher: String?
    package var launcherSocket: String?
    package var sync: String?
    package var python: String?

    /// The most that is read of a configuration file.
    package static let mostBytes = 256 << 10

    package init() {}

    /// What a box that is set up without a file was told. Its programs are found anew: an upgrade may have moved them.
    package init(_ known: BoxConfiguration) {
        device = known.device
        channel = known.channel
        repository = known.repository
        labels = known.labels.values
        endpoints = known.endpoints.mapValues(\.listen)
        pollSeconds = known.pollSeconds
        offlineMaximumAgeDays = known.offlineMaximumAgeDays
        diskReserveBytes = known.diskReserveBytes
        startLimitSeconds = known.startLimitSeconds
        launcherSocket = known.programs.launcherSocket
        python = known.programs.python
    }

    /// Reads `config.yaml`; relative paths in it are taken from its folder. Every error names line and column.
    package init(file path: String) throws {
        let bytes = try FileSystem.read(path, limit: Self.mostBytes)
        let folder = FileSystem.parent(of: try FileSystem.resolve(path))
        try self.init(yaml: bytes, source: path, folder: folder)
    }

    package init(yaml bytes: [UInt8], source: String, folder: String) throws(YAMLError) {
        let limits = YAMLLimits(bytes: Self.mostBytes, depth: 8, nodes: 5_000)
        let node = try YAMLParser.parse(bytes, source: source, limits: limits)
        // A file with nothing in it says nothing.
        guard !node.isNull else { return }
        let fields = try YAMLFields(node)
        device = try fields.named("device", "a device's id: letters, digits and ._:-, at most 128") { DeviceID($0) }
        channel = try fields.choiceIfPresent("channel", Channel.self)
        if let source = try fields.fieldsIfPresent("repository") {
            if let url = try source.stringIfPresent("url") {
                guard let place = Self.repository(url, in: folder) else {
                    throw source.invalid("url", "'\(url)' is neither a folder nor a URL with http or https")
                }
                repository = place
            }
            root = try source.stringIfPresent("root").map { FileSystem.join(folder, $0) }
            try source.refuseUnknown()
        }
        try readLabels(fields)
        try readEndpoints(fields)
        if let interval = try fields.durationIfPresent("poll_interval", in: .seconds(1) ... .seconds(86_400)) {
            pollSeconds = Int(interval.components.seconds)
        }
        if let limit = try fields.durationIfPresent("start_limit", in: .seconds(1) ... .seconds(86_400)) {
            startLimitSeconds = Int(limit.components.seconds)
        }
        if let offline = try fields.fieldsIfPresent("offline") {
            if let age = try offline.durationIfPresent("max_age", in: .zero ... .seconds(3650 * 86_400)) {
                guard age.components.seconds % 86_400 == 0, age.components.attoseconds == 0 else {
                    throw offline.invalid("max_age", "is no whole number of days, such as 90d")
                }
                offlineMaximumAgeDays = Int(age.components.seconds / 86_400)
            }
            try offline.refuseUnknown()
        }
        if let disk = try fields.fieldsIfPresent("disk") {
            diskReserveBytes = try disk.bytesIfPresent("reserve", in: 0...(1 << 50))
            try disk.refuseUnknown()
        }
        if let programs = try fields.fieldsIfPresent("programs") {
            func path(_ key: String) throws(YAMLError) -> String? {
                try programs.stringIfPresent(key).map { FileSystem.join(folder, $0) }
            }
            runtime = try path("runtime")
            launcher = try path("launcher")
            launcherSocket = try path("launcher_socket")
            sync = try path("sync")
            python = try path("python")
            try programs.refuseUnknown()
        }
        try fields.refuseUnknown()
    }

    /// The entries of a mapping whose keys are names that people choose.
    private static func entries(_ node: YAMLNode, _ path: String) throws(YAMLError) -> [YAMLEntry] {
        guard let entries = node.mapping else {
            throw .wrongType(node.position, path: path, expected: "a mapping", found: node.kind)
        }
        return entries
    }

    private mutating func readLabels(_ fields: YAMLFields) throws(YAMLError) {
        guard let entries = fields.nodeIfPresent("labels") else { return }
        for entry in try Self.entries(entries, "labels") {
            guard let name = LabelName(entry.key) else {
                throw .invalidValue(
                    entry.keyPosition,
                    path: "labels",
                    reason: "'\(entry.key)' is no label's name: lowercase letters, digits and ._-/, at most 63",
                    hint: nil
                )
            }
            guard let value = entry.value.string.flatMap({ LabelValue($0) }) else {
                throw .invalidValue(
                    entry.value.position,
                    path: "labels.\(entry.key)",
                    reason: "is no label's value: letters, digits and ._:/+@-, 1 to 128 of them",
                    hint: nil
                )
            }
            labels[name] = value
        }
    }

    private mutating func readEndpoints(_ fields: YAMLFields) throws(YAMLError) {
        guard let node = fields.nodeIfPresent("endpoints") else { return }
        for entry in try Self.entries(node, "endpoints") {
            guard let name = EndpointName(entry.key) else {
                throw .invalidValue(
                    entry.keyPosition,
                    path: "endpoints",
                    reason: "'\(entry.key)' is no endpoint's name",
                    hint: "names are spelled as bundles' names are: lowercase letters, digits and hyphens"
                )
            }
            let endpoint = try YAMLFields(entry.value, path: "endpoints.\(entry.key)")
            let address = try endpoint.string("listen")
            if let problem = Self.problem(ofAddress: address) {
                throw endpoint.invalid("listen", "'\(address)' \(problem)")
            }
            endpoints[name] = address
            try endpoint.refuseUnknown()
        }
    }

    /// What counts more where both say something: labels and endpoints one by one.
    package func overridden(by other: BoxSettings) -> BoxSettings {
        var settings = self
        settings.device = other.device ?? device
        settings.channel = other.channel ?? channel
        settings.repository = other.repository ?? repository
        settings.root = other.root ?? root
        settings.labels.merge(other.labels) { $1 }
        settings.endpoints.merge(other.endpoints) { $1 }
        settings.pollSeconds = other.pollSeconds ?? pollSeconds
        settings.offlineMaximumAgeDays = other.offlineMaximumAgeDays ?? offlineMaximumAgeDays
        settings.diskReserveBytes = other.diskReserveBytes ?? diskReserveBytes
        settings.startLimitSeconds = other.startLimitSeconds ?? startLimitSeconds
        settings.runtime = other.runtime ?? runtime
        settings.launcher = other.launcher ?? launcher
        settings.launcherSocket = other.launcherSocket ?? launcherSocket
        settings.sync = other.sync ?? sync
        settings.python = other.python ?? python
        return settings
    }

    /// A URL as it is, a folder as an absolute path; nil for anything else, such as `ftp://…`.
    package static func repository(_ text: String, in folder: String) -> String? {
        var place = text
        if let colon = place.firstIndex(of: ":"), place[colon...].hasPrefix("://") {
            let host = place[colon...].dropFirst(3)
            guard ["http", "https"].contains(place[..<colon]), let first = host.first, first != "/" else { return nil }
        } else {
            guard !place.isEmpty, !place.utf8.contains(0) else { return nil }
            place = FileSystem.join(folder, place)
        }
        while place.count > 1, place.hasSuffix("/") { place.removeLast() }
        return place
    }

    /// What is wrong with an address to listen on, as the end of a sentence; nil where nothing is.
    package static func problem(ofAddress text: String) -> String? {
        if text.hasPrefix("/") {
            // The kernel's limit of sun_path, with its zero at the end.
            return text.utf8.count <= 107 ? nil : "is longer than the 107 bytes that the path of a socket may have"
        }
        let words = "is no HOST:PORT, with an IPv6 host in brackets, and no absolute path of a socket"
        guard let colon = text.lastIndex(of: ":") else { return words }
        let (host, port) = (text[..<colon], text[text.index(after: colon)...])
        let isHost = host.hasPrefix("[") ? host.hasSuffix("]") && host.count > 2 : !host.contains(":") && !host.isEmpty
        guard isHost, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return words }
        guard let number = Int(port), (0...65_535).contains(number), String(number) == port else { return words }
        return nil
    }
}

extension YAMLFields {
    fileprivate func named<Value>(
        _ key: String,
        _ expected: String,
        _ make: (String) -> Value?
    ) throws(YAMLError) -> Value? {
        guard let text = try stringIfPresent(key) else { return nil }
        guard let value = make(text) else { throw invalid(key, "'\(text)' is not \(expected)") }
        return value
    }
}
