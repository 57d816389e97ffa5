import Diagnostics

/// A man page (man(7) macros) of a program with all its commands.
enum ManualPage {
    /// The troff source. No date stands in it, so that the same definitions give the same bytes.
    static func page(for root: Command, version: String) -> String {
        var lines = [
            ".\\\" Made from the definitions of \(root.name); changes belong there.",
            ".TH \(root.name.uppercased()) 1 \"\" \"\(escaped(root.name)) \(escaped(version))\" \"User Commands\"",
            ".SH NAME", "\(escaped(root.name)) \\- \(escaped(root.summary))",
            ".SH SYNOPSIS", ".B \(escaped(root.usage(below: [])))",
        ]
        if !root.discussion.isEmpty {
            lines.append(".SH DESCRIPTION")
            lines += root.discussion.flatMap { [".PP", escaped($0)] }
        }
        if !root.subcommands.isEmpty { lines.append(".SH COMMANDS") }
        let all = root.flattened()
        for (command, path) in all.dropFirst() { lines += section(command, below: path) }
        lines += [".SH OPTIONS"] + terms(root.optionDefinitions) + [".TP", ".B \\-h, \\-\\-help", "print help"]
        lines += terms(root.argumentDefinitions)
        lines += environment(all.map(\.command))
        lines += [".SH EXIT STATUS"] + exitCodes(all.map(\.command))
        lines += examples(root.examples)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func section(_ command: Command, below path: [Command]) -> [String] {
        guard command.run != nil else { return [] }
        var lines = [".SS \(escaped(command.usage(below: path.map(\.name))))", escaped(command.summary) + "."]
        lines += command.discussion.flatMap { [".PP", escaped($0)] }
        lines += terms(command.argumentDefinitions + command.optionDefinitions)
        return lines + command.examples.flatMap(block)
    }

    private static func terms(_ definitions: [ParameterDefinition]) -> [String] {
        definitions.flatMap { definition in
            let term = definition.role == .argument ? definition.name : definition.term()
            return [".TP", ".B \(escaped(term))", escaped(definition.explanation)]
        }
    }

    private static func environment(_ commands: [Command]) -> [String] {
        let variables = DeclaredVariables.of(commands)
        guard !variables.isEmpty else { return [] }
        return [".SH ENVIRONMENT"]
            + variables.flatMap { variable in
                [".TP", ".B \(escaped(variable.name))", escaped("sets \(variable.options.joined(separator: ", "))")]
            }
            + [".TP", ".B NO_COLOR", "where it is not empty, nothing is coloured unless \\-\\-color says so"]
    }

    private static func exitCodes(_ commands: [Command]) -> [String] {
        let codes = Set(commands.flatMap(\.exitCodes) + [.done, .failed, .usage, .ioError])
        return codes.sorted { $0.rawValue < $1.rawValue }
            .flatMap { [".TP", ".B \($0.rawValue)", escaped($0.meaning)] }
    }

    private static func examples(_ examples: [Example]) -> [String] {
        guard !examples.isEmpty else { return [] }
        return [".SH EXAMPLES"] + examples.flatMap(block)
    }

    private static func block(_ example: Example) -> [String] {
        [".PP", escaped(example.purpose) + ":", ".PP", ".RS 4", ".EX", escaped(example.line), ".EE", ".RE"]
    }

    /// Text that troff takes for text: a dash that can be pasted, no escapes, no request at the start of a line.
    private static func escaped(_ text: String) -> String {
        var result = text.first == "." || text.first == "'" ? "\\&" : ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "\n": result += " "
            default: result.append(character)
            }
        }
        return result
    }
}

/// The environment variables that options declare.
enum DeclaredVariables {
    /// Each variable once, with the options it sets, in order of declaration.
    static func of(_ commands: [Command]) -> [(name: String, options: [String])] {
        var variables: [(name: String, options: [String])] = []
        for option in commands.flatMap(\.optionDefinitions) {
            guard let name = option.environment else { continue }
            if let place = variables.firstIndex(where: { $0.name == name }) {
                if !variables[place].options.contains(option.label) { variables[place].options.append(option.label) }
            } else {
                variables.append((name, [option.label]))
            }
        }
        return variables
    }
}
