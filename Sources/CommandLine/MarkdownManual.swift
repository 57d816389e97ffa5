import Diagnostics

/// The reference of a program with all its commands, in Markdown.
enum MarkdownManual {
    /// The whole page.
    static func page(for root: Command) -> String {
        var blocks = [
            "<!-- Made by `\(root.name) manual --markdown`; changes belong to the program's definitions. -->",
            "# \(root.name)",
        ]
        for (command, path) in root.flattened() { blocks += section(command, below: path) }
        let variables = DeclaredVariables.of(root.flattened().map(\.command))
        if !variables.isEmpty {
            blocks.append("## Environment variables")
            blocks.append(table(["variable", "sets"], variables.map { ["`\($0.name)`", code($0.options)] }))
        }
        return blocks.joined(separator: "\n\n") + "\n"
    }

    private static func section(_ command: Command, below path: [Command]) -> [String] {
        var blocks: [String] = []
        let names = path.map(\.name) + [command.name]
        if !path.isEmpty { blocks.append("## \(names.joined(separator: " "))") }
        blocks.append(command.summary.prefix(1).uppercased() + command.summary.dropFirst() + ".")
        blocks.append("```\n\(command.usage(below: path.map(\.name)))\n```")
        blocks += command.discussion
        if !command.subcommands.isEmpty {
            let rows = command.subcommands.map { ["`\($0.name)`", $0.summary] }
            blocks.append(table(["command", "what it does"], rows))
        }
        let definitions = command.argumentDefinitions + command.optionDefinitions
        if !definitions.isEmpty {
            let rows = definitions.map { ["`\($0.role == .argument ? $0.name : $0.term())`", $0.explanation] }
            blocks.append(table([command.arguments.isEmpty ? "option" : "argument or option", "meaning"], rows))
        }
        for example in command.examples { blocks.append("\(example.purpose):\n\n```sh\n\(example.line)\n```") }
        if !command.exitCodes.isEmpty {
            let rows = command.documentedExitCodes.map { [String($0.rawValue), $0.meaning] }
            blocks.append(table(["exit code", "meaning"], rows))
        }
        return blocks
    }

    private static func code(_ names: [String]) -> String {
        names.map { "`\($0)`" }.joined(separator: ", ")
    }

    private static func table(_ headings: [String], _ rows: [[String]]) -> String {
        ([headings, headings.map { _ in "---" }] + rows)
            .map { cells in "| " + cells.map(cell).joined(separator: " | ") + " |" }
            .joined(separator: "\n")
    }

    private static func cell(_ text: String) -> String {
        text.map { $0 == "|" ? "\\|" : String($0) }.joined()
    }
}
