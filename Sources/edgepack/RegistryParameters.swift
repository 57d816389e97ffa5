import BundleManifest
import CommandLine
import Deployment
import Diagnostics
import Glibc
import Processes
import Registry
import WallClock

/// What the commands around a repository take.
enum RegistryParameters {
    static let repository = Argument(
        "REPO",
        RepositoryPlace.writable,
        summary: "folder of the repository, or its place in an object store"
    )
    static let readRepository = Argument(
        "REPO",
        RepositoryPlace.readable,
        summary: "folder of the repository, its place in an object store, or its URL (http:// or https://)"
    )
    static let to = Option.required(
        "to",
        RepositoryPlace.writable,
        summary: "folder of the repository, or its place in an object store"
    )
    static let endpoint = Option.required("endpoint", endpointName, summary: "name of the scoring service on a box")
    static let channel = Option.required(
        "channel",
        .choice(of: Channel.allCases).named("CHANNEL"),
        summary: "whose deployments a box follows"
    )
    static let author = Option.optional(
        "author",
        .text,
        environment: "EDGEPACK_AUTHOR",
        summary: "who says so, for the record; without it the name of this machine's user"
    )

    static let endpointName = ValueType<EndpointName>(
        placeholder: "ENDPOINT",
        read: { (text: String) throws(InvalidValue) in
            guard let name = EndpointName(text) else {
                let rule = "1 to 64 lowercase letters, digits, '.', '_' and '-', with a letter or digit at both ends"
                throw InvalidValue(text, "is not \(rule)")
            }
            return name
        },
        show: { $0.text }
    )

    static let role = ValueType<RegistryRole>(
        placeholder: "ROLE",
        completion: .choices(RegistryRole.all.map(\.text)),
        read: { (text: String) throws(InvalidValue) in
            guard let role = RegistryRole(text) else {
                let rule = "1 to 64 lowercase letters, digits, '.', '_' and '-', with a letter or digit at both ends"
                throw InvalidValue(text, "is not \(rule)")
            }
            return role
        },
        show: { $0.text }
    )

    static let publishingRole = Option.optional(
        "role",
        role,
        summary: "who says so; without it the first role that boxes ask for it and of which a key is in KEYDIR"
    )

    static let bundle = ValueType<BundleReference>(
        placeholder: "BUNDLE",
        sample: "digits@3",
        read: { (text: String) throws(InvalidValue) in
            guard let reference = BundleReference(text) else {
                throw InvalidValue(text, "is neither NAME@VERSION nor a bundle digest of 64 hexadecimal digits")
            }
            return reference
        },
        show: { "\($0)" }
    )

    static let version = ValueType<BundleVersion>(
        placeholder: "VERSION",
        read: { (text: String) throws(InvalidValue) in
            guard let version = BundleVersion(text) else {
                throw InvalidValue(text, "is not one to four numbers, such as 3 or 1.2.0")
            }
            return version
        },
        show: { "\($0)" }
    )

    static var now: UTCTime { UTCTime(seconds: Int64(time(nil))) }

    static func author(_ arguments: ParsedArguments) -> String {
        if let author = arguments[author] { return author }
        let environment = Processes.inheritedEnvironment()
        return environment["USER"] ?? environment["LOGNAME"] ?? "user \(geteuid())"
    }

    static func open(_ arguments: ParsedArguments, _ keys: KeyFolder) throws -> Registry {
        try Registry(opening: arguments[to], keys: keys, now: now)
    }

    /// Commits where the keeper's keys are here, and says what came of it.
    static func commit(
        _ registry: inout Registry,
        _ keys: KeyFolder,
        _ terminal: Terminal,
        renewSnapshot: Bool = false
    ) throws -> Registry.Outcome {
        for sentence in try registry.missingBlobs() { terminal.warning(sentence) }
        let outcome = try registry.commit(keys: keys, renewSnapshot: renewSnapshot)
        switch outcome {
        case .committed(let timestamp): terminal.notice("in effect with timestamp \(timestamp)")
        case .renewed(_, let unsigned):
            for (role, reason) in unsigned.sorted(by: { $0.key < $1.key }) {
                terminal.warning("role \(role) has to be signed anew before anything new comes into effect: \(reason)")
            }
        case .published(let lacking):
            terminal.notice(
                "not in effect yet: the keys of \(lacking.joined(separator: " and ")) are not here; their holder runs "
                    + "`edgepack repo commit \(registry.name) --keys KEYDIR`"
            )
        }
        return outcome
    }
}
