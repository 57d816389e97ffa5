import CommandLine
import Diagnostics
import JSON
import Registry
import WallClock

/// `edgepack repo refresh`.
enum RepoRefreshCommand {
    private static let refreshed = Option.optional(
        "role",
        RegistryParameters.role,
        summary: "whose content is signed anew; without it snapshot and timestamp are, by the keeper"
    )
    private static let period = Option.optional(
        "if-expires-within",
        .duration(in: .seconds(0) ... .seconds(3650 * 86_400)),
        summary: "only what has expired or will within this time"
    )

    static let command = Command(
        "refresh",
        summary: "sign anew what expires, though nothing in it has changed",
        discussion: [
            "Without --role it is the keeper's, for a timer: it needs the keys of snapshot and timestamp and no others, "
                + "renews what is due, and names other roles that are. Where nothing is due it says so and ends with 0.",
            "With --role it signs that role's content anew, or leaves it as a proposal where others have to sign too.",
        ],
        examples: [
            Example(
                "Hourly, from a timer",
                "edgepack repo refresh repo --if-expires-within 12h --keys keys"
            ),
            Example("Before a year is over", "edgepack repo refresh repo --role bundles --keys keys"),
        ],
        arguments: [RegistryParameters.repository],
        options: [refreshed, period] + RegistryParameters.signing + [SharedParameters.json],
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration],
        run: refresh
    )

    @Sendable private static func refresh(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            keys: keys,
            now: RegistryParameters.now
        )
        switch arguments[refreshed] {
        case nil: return try renew(&registry, keys, arguments, terminal)
        case .snapshot?, .timestamp?: return try renew(&registry, keys, arguments, terminal)
        case let role?: return try refresh(role, &registry, keys, arguments, terminal)
        }
    }

    // MARK: the keeper

    private static func renew(
        _ registry: inout Registry,
        _ keys: KeyFolder,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        let outcome = try registry.renew(keys: keys, ifExpiringWithin: arguments[period])
        let others = registry.expiring(before: registry.now.advanced(by: arguments[period] ?? .seconds(30 * 86_400)))
        for (role, expires) in others {
            terminal.warning(
                "\(role) expires at \(expires); its holder runs "
                    + "`edgepack repo refresh \(registry.name) --role \(role) --keys KEYDIR`"
            )
        }
        var unsigned: [String] = []
        switch outcome {
        case nil: terminal.notice("nothing to do")
        case .committed(let timestamp)?: terminal.notice("in effect with timestamp \(timestamp)")
        case .renewed(_, let reasons)?:
            unsigned = reasons.keys.sorted()
            for (role, reason) in reasons.sorted(by: { $0.key < $1.key }) {
                terminal.warning("nothing new is in effect: \(role) has to be signed anew: \(reason)")
            }
        case .published(let lacking)?:
            terminal.warning("nothing is renewed: the keys of \(lacking.joined(separator: " and ")) are not here")
        }
        let (timestamp, snapshot) = (registry.expiry(of: .timestamp), registry.expiry(of: .snapshot))
        if arguments[SharedParameters.json] {
            let value: JSONValue = [
                "isRenewed": .boolean(outcome != nil),
                "timestampExpires": timestamp.map { .string($0.description) } ?? .null,
                "snapshotExpires": snapshot.map { .string($0.description) } ?? .null,
                "others": .array(
                    others.map { ["role": .string($0.role), "expires": .string($0.expires.description)] }
                ),
                "unsigned": .array(unsigned.map { .string($0) }),
            ]
            try terminal.write(value, isOneOfSeveral: false)
        } else {
            try terminal.writeLine("timestamp \(timestamp?.description ?? "none")")
            try terminal.writeLine("snapshot \(snapshot?.description ?? "none")")
        }
        return unsigned.isEmpty ? .done : .signatureInvalid
    }

    // MARK: other roles

    private static func refresh(
        _ role: RegistryRole,
        _ registry: inout Registry,
        _ keys: KeyFolder,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        try registry.requireRole(role)
        let isDue = arguments[period].map { registry.isDue(role, within: $0) } ?? true
        var effect = Registry.ChangeEffect.none
        var isCommitted = false
        if isDue {
            effect = try registry.refresh(role, keys: keys)
            RegistryParameters.tell(effect, in: registry.name, terminal)
            if registry.hasUncommitted || effect.isPublished {
                isCommitted = try RegistryParameters.commit(&registry, keys, terminal).isCommitted
            }
        } else {
            terminal.notice("nothing to do")
        }
        let expires = registry.expiry(of: role)?.description
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine("\(role.text) \(expires ?? "none")")
            return .done
        }
        let value: JSONValue = [
            "role": .string(role.text), "isRenewed": .boolean(effect.isPublished),
            "expires": expires.map { .string($0) } ?? .null,
            "isCommitted": .boolean(isCommitted && effect.isPublished),
        ]
        try terminal.write(value.with(RegistryParameters.members(effect, in: registry.name)), isOneOfSeveral: false)
        return .done
    }
}
