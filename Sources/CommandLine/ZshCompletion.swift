/// A completion script for zsh.
enum ZshCompletion {
    /// The whole script, a function per command.
    static func script(for root: Command) -> String {
        let functions = root.flattened().map { function(CompletionNode($0.command, below: $0.path)) }
        let name = "_" + root.name.replacingDashes
        return """
            #compdef \(root.name)
            # zsh completion for \(root.name), made from its own definitions

            \(functions.joined(separator: "\n"))
            # Autoloaded, the file is the function's body; sourced, it registers the function.
            if [[ ${funcstack[1]} == \(name) ]]; then \(name) "$@"; else compdef \(name) \(root.name); fi

            """
    }

    private static func function(_ node: CompletionNode) -> String {
        var lines = node.options.map(option) + ["'(- *)'{-h,--help}'[print help]'"]
        let commands = node.command.subcommands
        if commands.isEmpty {
            lines += node.command.argumentDefinitions.map(argument)
            return """
                \(name(node.path))() {
                    _arguments -s \\
                        \(lines.joined(separator: " \\\n        "))
                }

                """
        }
        lines += ["'1: :->command'", "'*:: :->rest'"]
        let names = commands.map { "'\($0.name):\(quoted($0.summary))'" }
        let calls = commands.map { "                \($0.name) ) \(name(node.path + " " + $0.name)) ;;" }
        return """
            \(name(node.path))() {
                local state line
                local -a commands=(
                    \(names.joined(separator: "\n        "))
                )
                _arguments -s -C \\
                    \(lines.joined(separator: " \\\n        "))
                case $state in
                    command ) _describe command commands ;;
                    rest )
                        case $line[1] in
            \(calls.joined(separator: "\n"))
                        esac ;;
                esac
            }

            """
    }

    private static func option(_ option: ParameterDefinition) -> String {
        let summary = "[\(bracketed(option.summary))]"
        let repeats = if case .repeated = option.arity { true } else { false }
        let exclusions = repeats ? "*" : "(\(option.spellings.joined(separator: " ")))"
        let value = option.role == .flag ? "" : ":\(option.placeholder):\(action(option.completion))"
        let long = option.role == .flag ? option.label : option.label + "="
        guard let short = option.short else { return "'\(repeats ? "*" : "")\(long)\(summary)\(value)'" }
        return "'\(exclusions)'{\(option.role == .flag ? "-\(short)" : "-\(short)+"),\(long)}'\(summary)\(value)'"
    }

    private static func argument(_ argument: ParameterDefinition) -> String {
        let place =
            switch argument.arity {
            case .required: ":"
            case .optional: "::"
            case .repeated: "*:"
            }
        return "'\(place)\(argument.name):\(action(argument.completion))'"
    }

    private static func action(_ completion: ValueCompletion) -> String {
        switch completion {
        case .nothing: " "
        case .files: "_files"
        case .directories: "_directories"
        case .choices(let choices): "(\(choices.joined(separator: " ")))"
        }
    }

    private static func name(_ path: String) -> String { "_" + path.replacingDashes }

    private static func quoted(_ text: String) -> String {
        text.map { $0 == "'" ? "'\\''" : String($0) }.joined()
    }

    private static func bracketed(_ text: String) -> String {
        quoted(text).map { "[]:".contains($0) ? "\\\($0)" : String($0) }.joined()
    }
}
