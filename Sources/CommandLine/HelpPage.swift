import Diagnostics

/// What `--help` prints for one command.
struct HelpPage {
    /// The program first, the command last.
    let path: [Command]
    let width: Int
    /// Makes a heading stand out where the stream is coloured.
    let heading: (String) -> String

    private var command: Command { path[path.count - 1] }

    func rendered() -> String {
        var blocks = [heading("Usage:") + " " + command.usage(below: path.dropLast().map(\.name))]
        blocks.append(filled(capitalized(command.summary)))
        blocks += command.discussion.map(filled)
        section("Arguments", command.argumentDefinitions.map { ($0.name, $0.explanation) }, into: &blocks)
        section("Commands", command.subcommands.map { ($0.name, $0.summary) }, into: &blocks)
        section("Options", command.optionDefinitions.map(row) + builtIns, into: &blocks)
        let inherited = path.dropLast().reversed().flatMap { $0.optionDefinitions }
        section("Options of every command", inherited.map(row), into: &blocks)
        if !command.examples.isEmpty {
            let lines = command.examples.map { "  \($0.purpose):\n    \($0.line)\n" }
            blocks.append(heading(lines.count == 1 ? "Example:" : "Examples:") + "\n" + lines.joined(separator: "\n"))
        }
        section("Exit codes", exitCodes, into: &blocks)
        if !command.subcommands.isEmpty {
            blocks.append("Run `\(path.map(\.name).joined(separator: " ")) COMMAND --help` to read about a command.")
        }
        return blocks.map { $0.hasSuffix("\n") ? $0 : $0 + "\n" }.joined(separator: "\n")
    }

    private var builtIns: [(term: String, text: String)] {
        let help = ("-h, --help", "print this help")
        return path.count == 1 ? [help, ("    --version", "print the version")] : [help]
    }

    private var exitCodes: [(term: String, text: String)] {
        command.documentedExitCodes.map { (String($0.rawValue), $0.meaning) }
    }

    private func row(_ definition: ParameterDefinition) -> (term: String, text: String) {
        (definition.term(aligned: true), definition.explanation)
    }

    private func section(_ title: String, _ rows: [(term: String, text: String)], into blocks: inout [String]) {
        guard !rows.isEmpty else { return }
        blocks.append(heading(title + ":") + "\n" + TextLayout.definitions(rows, width: width))
    }

    private func filled(_ text: String) -> String {
        TextLayout.wrap(text, width: width).joined(separator: "\n")
    }

    private func capitalized(_ text: String) -> String {
        text.prefix(1).uppercased() + text.dropFirst()
    }
}
