import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry

/// `edgepack deploy`.
enum DeployCommand {
    private static let bundle = Argument.optional(
        "BUNDLE",
        RegistryParameters.bundle,
        summary: "NAME@VERSION, of which a box takes the platform that fits it, or a bundle digest"
    )
    private static let absent = Option.flag("absent", summary: "take the endpoint away instead")
    private static let reason = Option.required("reason", .text, summary: "why, for the record")
    private static let selector = Option.optional(
        "selector",
        .text.named("SELECTOR"),
        summary: "which boxes of the channel, by their labels, such as site=oslo,role!=lab"
    )
    private static let priority = Option(
        "priority",
        .integer(in: -1_000_000...1_000_000),
        default: 0,
        summary: "of several deployments that match a box the highest wins"
    )
    private static let acceptance = Option.optional(
        "acceptance",
        .integer(in: 1...1_000_000_000),
        summary: "version of the endpoint's acceptance set that the bundle must pass on each box"
    )
    private static let soak = Option.optional(
        "soak",
        .integer(in: 0...2_592_000).named("SECONDS"),
        summary: "how long it is observed after the switch"
    )
    private static let soakSamples = Option(
        "soak-samples",
        .integer(in: 0...1_000_000_000),
        default: 0,
        summary: "requests that it must have answered by then"
    )
    private static let limits = Option.repeated(
        "limit",
        .text.named("MEASURE=MAXIMUM[:SAMPLES]"),
        summary: "what it may show while it is observed: "
            + Gates.Threshold.Measure.allCases.map(\.rawValue).joined(separator: ", ")
    )
    private static let errorRate = Option.optional(
        "max-error-rate",
        .number(in: 0...1),
        summary: "short for --limit errorRate=NUMBER, over the samples of --soak-samples"
    )
    private static let waves = Option.repeated(
        "wave",
        .text.named("NAME=WHO"),
        summary: "a step of the plan: a percentage such as canary=5, or boxes such as first=box:a,b"
    )
    private static let fallback = Option.repeated(
        "fallback",
        RegistryParameters.bundle,
        summary: "what an aborted rollout leads to"
    )
    private static let minimumVersion = Option.optional(
        "minimum-version",
        RegistryParameters.version,
        summary: "no older version is taken from now on"
    )
    private static let deadline = Option.optional(
        "deadline",
        .integer(in: 1...2_592_000).named("SECONDS"),
        summary: "how long a box may work on it"
    )
    private static let freshness = Option.optional(
        "freshness",
        .integer(in: 1...2_592_000).named("SECONDS"),
        summary: "how recently a box must have verified the timestamp to activate it; without it 30 minutes"
    )
    private static let interfaceChange = Option.flag(
        "interface-change",
        summary: "allow a bundle of another interface epoch than the running one"
    )

    static let command = Command(
        "deploy",
        summary: "say what an endpoint runs on the boxes of a channel",
        discussion: [
            "Signs the endpoint's next deployment, with the next serial. Where a key for its rollout is in KEYDIR, that of "
                + "rollouts-CHANNEL or of a team, its first wave is opened too; without waves that is every box. Boxes judge a bundle by "
                + "themselves before they switch, and go back if it fails while it is observed.",
            "Without --soak it is observed for \(Gates.defaultSoak.seconds) seconds. Without a limit of its own "
                + "for crashes none is forgiven, and without one for errorRate at most "
                + "\(Int((Gates.defaultErrors.maximum * 100).rounded())) of 100 requests may fail, counted from "
                + "\(Gates.defaultErrors.minimumSamples) on.",
        ],
        examples: [
            Example(
                "Deploy version 2 in two steps",
                "edgepack deploy digits@2 --endpoint digits --channel prod --to repo --keys keys "
                    + "--reason 'better on sevens' --wave canary=5 --wave all=100 --soak 600 --max-error-rate 0.01"
            ),
            Example(
                "Take an endpoint away",
                "edgepack deploy --absent --endpoint digits --channel prod --to repo --keys keys --reason 'moved'"
            ),
        ],
        arguments: [bundle],
        options: [
            RegistryParameters.endpoint, RegistryParameters.channel, RegistryParameters.to,
            reason, RegistryParameters.author, absent, selector, priority, acceptance, soak, soakSamples, errorRate,
            limits, waves, fallback, minimumVersion, deadline, freshness, interfaceChange,
            RegistryParameters.publishingRole, SharedParameters.json,
        ] + RegistryParameters.signing,
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let request = try request(arguments)
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try RegistryParameters.open(arguments, keys)
        let changed = try registry.deploy(request, as: arguments[RegistryParameters.publishingRole], keys: keys)
        let deployed = changed.result
        let location = deployed.document.location
        terminal.notice("deployment \(location.serial) of \(location.endpoint) in \(location.channel.rawValue)")
        RegistryParameters.tell(changed.effect, in: registry.name, terminal)
        let rollout = try openFirstWave(of: location, changed.effect, &registry, keys, terminal)
        var isCommitted = false
        if registry.hasUncommitted {
            isCommitted = try RegistryParameters.commit(&registry, keys, terminal).isCommitted
        }
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine("sha256:\(deployed.digest)  \(location.path)")
            return .done
        }
        let value: JSONValue = [
            "path": .string(location.path), "digest": .string(deployed.digest.hex), "serial": .integer(location.serial),
            "bundles": .array(deployed.document.state.bundles.map { .string($0.hex) }),
            "openWave": rollout?.openWave.map { .string($0) } ?? .null,
            "epoch": rollout.map { .integer($0.epoch) } ?? .null,
            "isCommitted": .boolean(isCommitted && changed.effect.isPublished),
        ]
        let waiting = RegistryParameters.members(changed.effect, in: registry.name)
        try terminal.write(value.with(waiting), isOneOfSeveral: false)
        return .done
    }

    /// Opens the first wave where the deployment is published and the rollout's key is here, or says how it is done. Nil
    /// as well where the rollout waits for signatures.
    private static func openFirstWave(
        of location: DeploymentLocation,
        _ effect: Registry.ChangeEffect,
        _ registry: inout Registry,
        _ keys: KeyFolder,
        _ terminal: Terminal
    ) throws -> Rollout? {
        let command =
            "`edgepack rollout \(registry.name) --endpoint \(location.endpoint) --channel \(location.channel.rawValue) "
            + "--state running --keys KEYDIR`"
        guard effect.isPublished else {
            terminal.notice(
                "no wave is open yet: once it is in effect, the holder of the rollout's key runs \(command)"
            )
            return nil
        }
        guard try registry.canRoll(location.endpoint, in: location.channel, keys: keys) else {
            terminal.notice(
                "no wave is open yet: no key for rollouts in \(location.channel.rawValue) is here; its holder runs "
                    + command
            )
            return nil
        }
        let opening = Registry.RolloutRequest(
            channel: location.channel,
            endpoint: location.endpoint,
            state: .running
        )
        let opened = try registry.roll(opening, keys: keys)
        RegistryParameters.tell(opened.effect, in: registry.name, terminal)
        guard opened.effect.isPublished else { return nil }
        terminal.notice("wave \(opened.result.openWave ?? "none") is open")
        return opened.result
    }

    private static func request(_ arguments: ParsedArguments) throws -> Registry.DeploymentRequest {
        let wish: Registry.DeploymentRequest.Wish
        switch (arguments[bundle], arguments[absent]) {
        case (let reference?, false): wish = .bundle(reference)
        case (nil, true): wish = .absent
        default: throw arguments.usageError("give a BUNDLE, or --absent")
        }
        var request = Registry.DeploymentRequest(
            channel: arguments[RegistryParameters.channel],
            endpoint: arguments[RegistryParameters.endpoint],
            wish: wish,
            reason: arguments[reason],
            author: RegistryParameters.author(arguments)
        )
        request.selector = try arguments[selector].map { try Selector(text: $0) }
        request.priority = arguments[priority]
        request.acceptance = arguments[acceptance]
        request.waves = try arguments[waves].map { try wave($0, arguments) }
        request.thresholds = try arguments[limits].map { try threshold($0, arguments) }
        if let rate = arguments[errorRate] {
            request.thresholds.append(
                Gates.Threshold(measure: .errorRate, maximum: rate, minimumSamples: arguments[soakSamples])
            )
        }
        if let seconds = arguments[soak] {
            request.soak = Gates.Soak(seconds: seconds, minimumSamples: arguments[soakSamples])
        } else if arguments.isGiven(soakSamples) || !request.thresholds.isEmpty {
            throw arguments.usageError("what is measured while it is observed needs --soak SECONDS")
        }
        request.fallback = arguments[fallback]
        request.minimumVersion = arguments[minimumVersion]
        request.deadlineSeconds = arguments[deadline]
        request.freshnessSeconds = arguments[freshness]
        request.allowsInterfaceChange = arguments[interfaceChange]
        return request
    }

    /// `canary=5`, `canary=0.5%`, or `first=box:a,b`.
    private static func wave(_ text: String, _ arguments: ParsedArguments) throws -> Wave {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, EndpointName(parts[0]) != nil {
            if let percent = Percent(parts[1]) { return Wave(name: parts[0], members: .percent(percent)) }
            if parts[1].hasPrefix("box:") {
                let names = parts[1].dropFirst(4).split(separator: ",", omittingEmptySubsequences: false)
                let devices = names.compactMap { DeviceID(String($0)) }
                if devices.count == names.count { return Wave(name: parts[0], members: .devices(Set(devices))) }
            }
        }
        throw arguments.usageError("--wave takes NAME=PERCENT or NAME=box:ID,ID, not \(text.quotedName)")
    }

    /// `latencyP99=50:200`: at most 50 ms, judged once there are 200 samples.
    private static func threshold(_ text: String, _ arguments: ParsedArguments) throws -> Gates.Threshold {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let numbers = parts.last?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        guard parts.count == 2, let measure = Gates.Threshold.Measure(rawValue: parts[0]),
            (1...2).contains(numbers.count),
            let maximum = Double(numbers[0]), (0...1e12).contains(maximum),
            let samples = numbers.count == 2 ? Int(numbers[1]) : 0, (0...1_000_000_000).contains(samples)
        else {
            let names = Gates.Threshold.Measure.allCases.map(\.rawValue).joined(separator: ", ")
            throw arguments.usageError(
                "--limit takes MEASURE=MAXIMUM[:SAMPLES] with one of \(names), not \(text.quotedName)"
            )
        }
        return Gates.Threshold(measure: measure, maximum: maximum, minimumSamples: samples)
    }
}
