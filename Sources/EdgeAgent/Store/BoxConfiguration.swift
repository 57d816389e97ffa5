package import Deployment
package import JSON

/// What the resident agent and its helpers know of their box: the file `box.json`.
///
/// `edgeagent-sync configure` makes it from `config.yaml`, options and what it finds on the machine; the resident reads
/// no YAML.
package struct BoxConfiguration: Equatable, Sendable {
    package struct Endpoint: Equatable, Sendable {
        /// `HOST:PORT` with an IPv6 host in brackets, or the path of a Unix socket.
        package var listen: String

        package init(listen: String) { self.listen = listen }
    }

    /// Programs that the agent starts, by absolute path.
    package struct Programs: Equatable, Sendable {
        package var runtime: String
        package var launcher: String
        /// The launcher's socket where one runs as root; nil to start `launcher` for each runtime.
        package var launcherSocket: String?
        package var sync: String
        /// Interpreter for scoring scripts; nil where the runtime is to find one.
        package var python: String?

        package init(
            runtime: String,
            launcher: String,
            launcherSocket: String? = nil,
            sync: String,
            python: String? = nil
        ) {
            self.runtime = runtime
            self.launcher = launcher
            self.launcherSocket = launcherSocket
            self.sync = sync
            self.python = python
        }
    }

    package var device: DeviceID
    package var channel: Channel
    package var labels: Labels
    /// A URL, or the absolute path of a folder; nil for a box that only takes media.
    package var repository: String?
    package var endpoints: [EndpointName: Endpoint]
    /// Nil where the repository's own wish counts, or else ``defaultPollSeconds``.
    package var pollSeconds: Int?
    /// How long past their expiry timestamp and snapshot are accepted from local media, in days.
    package var offlineMaximumAgeDays: Int
    /// Bytes of the disk that updates leave free.
    package var diskReserveBytes: Int
    /// How long a bundle may take to load and answer its samples.
    package var startLimitSeconds: Int
    package var programs: Programs

    package static let defaultStartLimit = 120
    package static let defaultPollSeconds = 300
    package static let defaultOfflineDays = 90
    package static let defaultDiskReserve = 64 << 20

    package init(device: DeviceID, channel: Channel, programs: Programs) {
        self.device = device
        self.channel = channel
        self.programs = programs
        labels = Labels()
        endpoints = [:]
        offlineMaximumAgeDays = Self.defaultOfflineDays
        diskReserveBytes = Self.defaultDiskReserve
        startLimitSeconds = Self.defaultStartLimit
    }
}

extension BoxConfiguration {
    package static let limits = JSONLimits(bytes: 256 << 10, depth: 8, values: 5000)

    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> BoxConfiguration {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "box")
        guard let device = DeviceID(try fields.string("device")) else {
            throw fields.problem("device", "is no device's id")
        }
        let programs = try fields.fields("programs")
        var box = BoxConfiguration(
            device: device,
            channel: try fields.choice("channel"),
            programs: Programs(
                runtime: try programs.string("runtime"),
                launcher: try programs.string("launcher"),
                launcherSocket: try programs.optionalString("launcherSocket"),
                sync: try programs.string("sync"),
                python: try programs.optionalString("python")
            )
        )
        for (name, value) in try fields.fields("labels").object.members {
            guard let label = LabelName(name), let value = value.stringValue.flatMap({ LabelValue($0) }) else {
                throw fields.problem("labels", "\(name) is no label")
            }
            box.labels.values[label] = value
        }
        box.repository = try fields.optionalString("repository")
        for (name, value) in try fields.fields("endpoints").object.members {
            guard let endpoint = EndpointName(name) else { throw fields.problem("endpoints", "\(name) is no name") }
            let settings = try JSONFields(value, path: "box.endpoints.\(name)")
            box.endpoints[endpoint] = Endpoint(listen: try settings.string("listen"))
        }
        box.pollSeconds = try fields.optionalInteger("pollSeconds", in: 1...86_400)
        box.offlineMaximumAgeDays = try fields.integer("offlineMaximumAgeDays", in: 0...3650)
        box.diskReserveBytes = try fields.integer("diskReserveBytes", in: JSONFields.counts)
        box.startLimitSeconds = try fields.optionalInteger("startLimitSeconds", in: 1...86_400) ?? defaultStartLimit
        return box
    }

    package func encoded() throws(JSONError) -> [UInt8] {
        let labels = labels.values.sorted { $0.key < $1.key }.map { ($0.key.text, JSONValue.string($0.value.text)) }
        let endpoints = endpoints.sorted { $0.key < $1.key }.map { name, endpoint in
            (name.text, ["listen": .string(endpoint.listen)] as JSONValue)
        }
        let value: JSONValue = [
            "channel": .string(channel.rawValue), "device": .string(device.text),
            "diskReserveBytes": .integer(diskReserveBytes), "endpoints": .object(JSONObject(endpoints)),
            "labels": .object(JSONObject(labels)), "offlineMaximumAgeDays": .integer(offlineMaximumAgeDays),
            "pollSeconds": .optional(pollSeconds),
            "programs": [
                "launcher": .string(programs.launcher), "launcherSocket": .optional(programs.launcherSocket),
                "python": .optional(programs.python), "runtime": .string(programs.runtime),
                "sync": .string(programs.sync),
            ],
            "repository": .optional(repository), "startLimitSeconds": .integer(startLimitSeconds),
        ]
        return try value.canonicalBytes()
    }
}
