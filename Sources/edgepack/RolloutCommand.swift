import CommandLine
import Deployment
import Diagnostics
import JSON
import Registry

/// `edgepack rollout`.
enum RolloutCommand {
    private static let state = Option.required(
        "state",
        .choice(of: Rollout.State.allCases),
        summary: "running, paused (nothing new activates) or aborted (boxes go to the deployment's fallback)"
    )
    private static let open = Option.optional(
        "open",
        .text.named("WAVE"),
        summary: "the last wave that may start; without it as far as it is, or the first"
    )
    private static let reason = Option.optional("reason", .text, summary: "why, for the record")

    static let command = Command(
        "rollout",
        summary: "open, move, pause or abort the newest deployment of an endpoint",
        examples: [
            Example(
                "Open the wave after the canary",
                "edgepack rollout repo --endpoint digits --channel prod --state running --open all --keys keys"
            )
        ],
        arguments: [RegistryParameters.repository],
        options: [
            RegistryParameters.endpoint, RegistryParameters.channel, state, open, reason,
            RegistryParameters.publishingRole, SharedParameters.json,
        ] + RegistryParameters.signing,
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        var request = Registry.RolloutRequest(
            channel: arguments[RegistryParameters.channel],
            endpoint: arguments[RegistryParameters.endpoint],
            state: arguments[state]
        )
        request.openWave = arguments[open]
        request.reason = arguments[reason]
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            keys: keys,
            now: RegistryParameters.now
        )
        let changed = try registry.roll(request, as: arguments[RegistryParameters.publishingRole], keys: keys)
        let rollout = changed.result
        RegistryParameters.tell(changed.effect, in: registry.name, terminal)
        let isCommitted =
            try registry.hasUncommitted && RegistryParameters.commit(&registry, keys, terminal).isCommitted
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine(
                "\(rollout.location.path): deployment \(rollout.serial) is \(rollout.state.rawValue), open up to "
                    + "\(rollout.openWave ?? "no wave"), epoch \(rollout.epoch)"
            )
            return .done
        }
        let value: JSONValue = [
            "path": .string(rollout.location.path), "serial": .integer(rollout.serial),
            "epoch": .integer(rollout.epoch), "state": .string(rollout.state.rawValue),
            "openWave": rollout.openWave.map { .string($0) } ?? .null,
            "isCommitted": .boolean(isCommitted && changed.effect.isPublished),
        ]
        let waiting = RegistryParameters.members(changed.effect, in: registry.name)
        try terminal.write(value.with(waiting), isOneOfSeveral: false)
        return .done
    }
}
