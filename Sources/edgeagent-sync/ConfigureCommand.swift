import AgentSync
import CommandLine
import Deployment
import Diagnostics
import EdgeAgent
import FileSystem
import JSON

/// `edgeagent-sync configure`.
enum ConfigureCommand {
    private static let defaultConfig = "/etc/edgeagent/config.yaml"

    private static let config = Option.optional(
        "config",
        .path,
        environment: "EDGEAGENT_CONFIG",
        summary: "configuration file; without it \(defaultConfig), where that is there"
    )
    private static let from = Option.optional(
        "from",
        .text.named("URL|DIR"),
        summary: "the repository to fetch from"
    )
    private static let root = Option.optional(
        "root",
        .path,
        summary: "root metadata to trust, brought by a way that you trust"
    )
    private static let device = Option.optional("device", .text.named("ID"), summary: "what the box is called")
    private static let channel = Option.optional(
        "channel",
        ValueType<Channel>.choice,
        summary: "whose deployments it follows"
    )
    private static let poll = Option.optional(
        "poll",
        .duration(in: .seconds(1) ... .seconds(86_400)),
        summary: "how often to look at the repository; without it as the repository asks"
    )
    private static let endpoints = Option.repeated(
        "endpoint",
        .text.named("NAME=ADDRESS"),
        summary: "an endpoint and where it listens: HOST:PORT or the path of a socket"
    )
    private static let labels = Option.repeated("label", .text.named("NAME=VALUE"), summary: "a label of the box")

    /// What says how a box is set up.
    static let boxOptions: [any Parameter] = [config, from, root, device, channel, poll, endpoints, labels]

    static let command = Command(
        "configure",
        summary: "set the box up from its configuration file and these options",
        discussion: [
            "Options count more than the file; without a file they change how the box is set up already. A box that nobody named is called after its host name and its "
                + "machine-id, and keeps that name.",
            "The first root is trusted as it is given. Later ones are taken only where the trusted one has signed them.",
        ],
        examples: [
            Example(
                "Set up a box that fetches from a web server",
                "edgeagent-sync configure --from https://models.example.com --root 1.root.json --channel prod "
                    + "--endpoint digits=127.0.0.1:8080"
            )
        ],
        options: [SharedParameters.store] + boxOptions,
        exitCodes: [.configuration, .noInput, .signatureInvalid, .incompatible, .noPermission],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let given = try settings(arguments)
        return try SharedParameters.report(terminal) {
            let layout = SharedParameters.layout(arguments)
            let result = try BoxSetUp.configure(try told(given, arguments, layout), layout)
            terminal.notice(
                "\(layout.root): box \(result.box.device) follows \(result.box.channel.rawValue), trusts root version "
                    + "\(result.rootVersion)\(result.isNewTrust ? " from now on" : "")"
            )
            return .done([
                "channel": .string(result.box.channel.rawValue), "device": .string(result.box.device.text),
                "rootVersion": .integer(result.rootVersion),
            ])
        }
    }

    /// What the box was told: by these options, else by its file, else before.
    static func told(_ given: BoxSettings, _ arguments: ParsedArguments, _ layout: StoreLayout) throws -> BoxSettings {
        var settings = BoxSettings()
        if let path = arguments[config] {
            settings = try BoxSettings(file: path)
        } else if try FileSystem.statusFollowingLinks(of: defaultConfig) != nil {
            settings = try BoxSettings(file: defaultConfig)
        } else if let known = try BoxSetUp.known(layout) {
            settings = BoxSettings(known)
        }
        return settings.overridden(by: given)
    }

    static func settings(_ arguments: ParsedArguments) throws -> BoxSettings {
        var settings = BoxSettings()
        let here = try FileSystem.resolve(".")
        if let text = arguments[device] {
            guard let device = DeviceID(text) else {
                throw arguments.usageError("--device: '\(text)' is no id: letters, digits and ._:-, at most 128")
            }
            settings.device = device
        }
        settings.channel = arguments[channel]
        settings.pollSeconds = arguments[poll].map { Int($0.components.seconds) }
        if let text = arguments[from] {
            guard let place = BoxSettings.repository(text, in: here) else {
                throw arguments.usageError("--from: '\(text)' is neither a folder nor a URL with http or https")
            }
            settings.repository = place
        }
        settings.root = arguments[root].map { FileSystem.join(here, $0) }
        for text in arguments[endpoints] {
            let (name, address) = try pair(text, "--endpoint", arguments)
            guard let endpoint = EndpointName(name) else {
                throw arguments.usageError("--endpoint: '\(name)' is no endpoint's name")
            }
            if let problem = BoxSettings.problem(ofAddress: address) {
                throw arguments.usageError("--endpoint: '\(address)' \(problem)")
            }
            settings.endpoints[endpoint] = address
        }
        for text in arguments[labels] {
            let (name, value) = try pair(text, "--label", arguments)
            guard let label = LabelName(name), let value = LabelValue(value) else {
                throw arguments.usageError("--label: '\(text)' is no label such as site=hamburg")
            }
            settings.labels[label] = value
        }
        return settings
    }

    private static func pair(
        _ text: String,
        _ option: String,
        _ arguments: ParsedArguments
    ) throws -> (name: String, value: String) {
        guard let equals = text.firstIndex(of: "=") else {
            throw arguments.usageError("\(option): '\(text)' holds no =")
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
}
