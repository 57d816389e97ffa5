import CommandLine
import Diagnostics
import JSON
import Packager

/// `edgepack lock`.
enum LockCommand {
    private static let upgrade = Option.flag(
        "upgrade",
        summary: "take the newest versions that fit, instead of keeping those already locked"
    )

    private static let devices = Option.repeated(
        "device",
        .text.named("PROFILE"),
        summary: "lock for this device profile too, beside those in bundle.yaml"
    )

    static let command = Command(
        "lock",
        summary: "pin the environment: every package with version and hashes, for each platform",
        discussion: ["Writes locks/PLATFORM.txt in the project, which belong into version control. Uses uv."],
        examples: [Example("Lock a project for all its devices", "edgepack lock examples/digits-script")],
        arguments: [SharedParameters.project],
        options: [upgrade, devices, SharedParameters.uv, SharedParameters.json],
        exitCodes: [.incompatible, .dataError, .noInput, .unavailable, .ioError, .noPermission, .configuration],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let project = try Project.read(arguments[SharedParameters.project])
        let outcomes = try LockResolver(uv: SharedParameters.uv(arguments)).lock(
            project,
            on: try DeviceProfiles(projectFolder: project.folder).profiles(of: project.file)
                + arguments[devices].map { try DeviceProfiles(projectFolder: project.folder).profile($0) },
            upgrade: arguments[upgrade]
        )
        if arguments[SharedParameters.json] {
            let listed = outcomes.map { outcome -> JSONValue in
                [
                    "path": .string(outcome.path), "change": .string(outcome.change.rawValue),
                    "packages": .array(
                        outcome.lock.packages.map { ["name": .string($0.name), "version": .string($0.version)] }
                    ),
                ]
            }
            try terminal.write(String(decoding: JSONValue.array(listed).prettyBytes(), as: UTF8.self))
        } else {
            var table = TextTable([.text("LOCK"), .text("CHANGE"), .number("PACKAGES")])
            for outcome in outcomes {
                table.add(outcome.path, outcome.change.rawValue, String(outcome.lock.packages.count))
            }
            try terminal.write(table.rendered())
        }
        return .done
    }
}
