/// A completion script for fish.
enum FishCompletion {
    /// The whole script, one `complete` per word that can be typed.
    static func script(for root: Command) -> String {
        var lines = [
            "# fish completion for \(root.name), made from its own definitions", "complete -c \(root.name) -f",
        ]
        for (command, path) in root.flattened() {
            let condition = condition(for: command, below: path)
            let start = "complete -c \(root.name)" + (condition.isEmpty ? "" : " -n \(quoted(condition))")
            let offer = path.isEmpty ? "complete -c \(root.name) -n __fish_use_subcommand" : start
            lines += command.subcommands.map { "\(offer) -a \($0.name) -d \(quoted($0.summary))" }
            lines += command.optionDefinitions.map { start + option($0) }
            lines += command.argumentDefinitions.flatMap { argument in
                let words = values(argument.completion)
                return words.isEmpty ? [] : [start + words]
            }
        }
        lines.append("complete -c \(root.name) -s h -l help -d 'print help'")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func condition(for command: Command, below path: [Command]) -> String {
        let words = path.dropFirst() + (path.isEmpty ? [] : [command])
        var parts = words.map { "__fish_seen_subcommand_from \($0.name)" }
        if !command.subcommands.isEmpty {
            let names = command.subcommands.map(\.name).joined(separator: " ")
            if !path.isEmpty { parts.append("not __fish_seen_subcommand_from \(names)") }
        }
        return parts.joined(separator: "; and ")
    }

    private static func option(_ option: ParameterDefinition) -> String {
        let letter = option.short.map { " -s \($0)" } ?? ""
        let value = option.role == .flag ? "" : " -r" + values(option.completion)
        return "\(letter) -l \(option.name)\(value) -d \(quoted(option.summary))"
    }

    private static func values(_ completion: ValueCompletion) -> String {
        switch completion {
        case .nothing: ""
        case .files: " -F"
        case .directories: " -a '(__fish_complete_directories)'"
        case .choices(let choices): " -a \(quoted(choices.joined(separator: " ")))"
        }
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "'"
    }
}
