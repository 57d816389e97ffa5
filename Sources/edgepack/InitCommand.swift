import BundleManifest
import CommandLine
import Diagnostics
import FileSystem
import JSON
import Packager

/// `edgepack init`.
enum InitCommand {
    private static let folder = Argument("PROJECT", .directory, default: ".", summary: "folder to begin the project in")
    private static let name = Option.optional(
        "name",
        .text.named("NAME"),
        summary: "the bundle's name; without it the folder's"
    )
    private static let kind = Option(
        "kind",
        .choice,
        default: ProjectTemplate.Kind.onnx,
        summary: "onnx serves the model itself, script runs src/score.py"
    )
    private static let model = Option(
        "model",
        .path,
        default: "model/model.onnx",
        summary: "the model's file or folder, relative to the project"
    )

    static let command = Command(
        "init",
        summary: "begin a project: write bundle.yaml and, for a script, a first score.py",
        discussion: ["Writes only files that are not there yet."],
        examples: [Example("Begin a project around a model", "edgepack init digits --model model/digits.onnx")],
        arguments: [folder],
        options: [name, kind, model, SharedParameters.json],
        exitCodes: [.cannotCreate, .ioError, .noPermission, .configuration],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let path = arguments[folder]
        guard !arguments[model].hasPrefix("/") else {
            throw arguments.usageError("--model takes a path relative to the project, so that it builds anywhere")
        }
        let template = ProjectTemplate(
            name: try name(arguments, path),
            kind: arguments[kind],
            model: arguments[model]
        )
        let written = try template.write(to: path)
        if arguments[SharedParameters.json] {
            let list = JSONValue.array(written.map { .string($0) })
            try terminal.write(["name": .string(template.name.text), "written": list], isOneOfSeveral: false)
        } else {
            for path in written { try terminal.writeLine(path) }
        }
        terminal.notice(
            "next: put the model at \(FileSystem.join(path, arguments[model])), then run `edgepack lock \(path)`"
        )
        return .done
    }

    /// The name asked for, or what the folder's name makes.
    private static func name(_ arguments: ParsedArguments, _ path: String) throws -> BundleName {
        if let text = arguments[name] {
            guard let name = BundleName(text) else {
                let rule = "1 to 64 lowercase letters, digits, '.', '_' and '-', with a letter or digit at both ends"
                throw arguments.usageError("--name takes \(rule), not \(text.quotedName)")
            }
            return name
        }
        let isThere = try FileSystem.statusFollowingLinks(of: path) != nil
        let folder = isThere ? try FileSystem.resolve(path) : path
        let last = folder.split(separator: "/").last.map(String.init) ?? ""
        guard let name = ProjectTemplate.name(forFolder: last) else {
            throw arguments.usageError("give the bundle a name with --name")
        }
        return name
    }
}
