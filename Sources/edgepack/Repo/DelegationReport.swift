import CommandLine
import Diagnostics
import JSON
import Registry
import UpdateFramework

/// What `delegate` and `undelegate` say.
enum DelegationReport {
    static let trial = Option.flag("dry-run", summary: "only say what it would mean; write nothing")

    /// Says what was changed and what it means, commits where that can be done, and prints the role.
    static func finish(
        _ changed: Registry.Changed<Registry.Delegated>,
        _ verb: String,
        _ registry: inout Registry,
        _ keys: KeyFolder,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws {
        let result = changed.result
        for warning in result.warnings { terminal.warning(warning.printable()) }
        if let newKey = result.newKey, !arguments[trial] { terminal.notice("made the key \(newKey)") }
        if changed.effect == .none, !arguments[trial] { terminal.notice("that is so already") }
        for effect in [changed.effect, result.content] { RegistryParameters.tell(effect, in: registry.name, terminal) }
        if changed.effect.waiting != nil, result.content.waiting != nil {
            terminal.notice("both are taken by one commit")
        }
        var isCommitted = false
        if !arguments[trial], registry.hasUncommitted {
            let renews = result.role == .snapshot || result.role == .timestamp
            isCommitted = try RegistryParameters.commit(&registry, keys, terminal, renewSnapshot: renews).isCommitted
        }
        guard arguments[SharedParameters.json] else {
            let state = arguments[trial] ? "dry run: " : changed.effect.waiting == nil ? "" : "proposed: "
            return try terminal.writeLine((state + sentence(result, verb)).printable())
        }
        let value: JSONValue = [
            "role": .string(result.role.text), "delegator": .string(result.delegator.text),
            "isNew": .boolean(result.isNew), "keys": .array(result.keys.map(RegistryParameters.json)),
            "threshold": .integer(result.threshold),
            "hidden": .array(result.difference.hidden.map { .string($0.path.text) }),
            "replaced": .array(result.difference.replaced.map { .string($0.path.text) }),
            "appearing": .array(result.difference.appearing.map { .string($0.path.text) }),
            "warnings": .array(result.warnings.map { .string($0) }),
            "newKey": result.newKey.map { .string($0) } ?? .null,
            "content": .object(RegistryParameters.members(result.content, in: registry.name)),
            "isCommitted": .boolean(isCommitted && changed.effect.isPublished),
        ]
        let waiting = RegistryParameters.members(changed.effect, in: registry.name)
        try terminal.write(value.with(waiting), isOneOfSeveral: false)
    }

    /// `targets delegates bundles/digits/*/* to sorting: 1 of alice (4f2c91ab)`
    private static func sentence(_ result: Registry.Delegated, _ verb: String) -> String {
        let keys = "\(result.threshold) of \(result.keys.map(\.label).joined(separator: ", "))"
        let paths = result.paths.isEmpty ? "" : "\(result.paths.joined(separator: ", ")) "
        return "\(result.delegator) \(verb) \(paths)to \(result.role.text): \(keys)"
    }
}
