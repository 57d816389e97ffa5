import CommandLine
import Diagnostics
import FileSystem
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
        options: [name, kind, model],
        exitCodes: [.dataError, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let path = arguments[folder]
        try FileSystem.createDirectories(path)
        let folderName = FileSystem.name(of: try FileSystem.resolve(path)).lowercased()
        let template = ProjectTemplate(
            name: arguments[name] ?? folderName,
            kind: arguments[kind],
            model: arguments[model]
        )
        for written in try template.write(to: path) { try terminal.writeLine(written) }
        terminal.notice(
            "next: put the model at \(FileSystem.join(path, arguments[model])), then run `edgepack lock \(path)`"
        )
        return .done
    }
}
