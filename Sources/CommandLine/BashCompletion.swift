/// A completion script for bash.
enum BashCompletion {
    /// The whole script; it defines one function and registers it.
    static func script(for root: Command) -> String {
        let function = "_" + root.name.replacingDashes
        let commands = root.flattened().map { CompletionNode($0.command, below: $0.path) }
        return """
            # bash completion for \(root.name), made from its own definitions
            \(function)() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                local path=\(root.name) skip= word i
                COMPREPLY=()
                # bash cuts --option=value into three words
                if [[ $current == "=" ]]; then current=
                elif [[ $previous == "=" ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi
                for ((i = 1; i < COMP_CWORD; i++)); do
                    word=${COMP_WORDS[i]}
                    if [[ $skip && $word != "=" ]]; then skip=; continue; fi
                    case "$path|$word" in
            \(valuedOptions(commands))\(descents(commands))
                    esac
                done
                case "$path|$previous" in
            \(optionValues(commands))
                esac
                case "$path" in
            \(words(commands))
                esac
            }
            complete -o nosort -F \(function) \(root.name)

            """
    }

    private static func valuedOptions(_ commands: [CompletionNode]) -> String {
        let patterns = commands.flatMap { node in
            node.options.filter { $0.role == .option }.flatMap(\.spellings).map { "\"\(node.path)|\($0)\"" }
        }
        return patterns.isEmpty ? "" : "            \(patterns.joined(separator: "|")) ) skip=1 ;;\n"
    }

    private static func descents(_ commands: [CompletionNode]) -> String {
        let lines = commands.flatMap { node in
            node.command.subcommands.map { command in
                "            \"\(node.path)|\(command.name)\" ) path=\"\(node.path) \(command.name)\" ;;"
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func optionValues(_ commands: [CompletionNode]) -> String {
        let lines = commands.flatMap { node in
            node.options.filter { $0.role == .option }.map { option in
                let patterns = option.spellings.map { "\"\(node.path)|\($0)\"" }.joined(separator: "|")
                return "        \(patterns) ) \(reply(option.completion, words: [])); return ;;"
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func words(_ commands: [CompletionNode]) -> String {
        commands.map { node in
            let options = node.options.map(\.label) + ["--help"]
            let names = node.command.subcommands.map(\.name)
            let arguments = node.command.argumentDefinitions.map(\.completion)
            let first = arguments.first { $0 != .nothing } ?? .nothing
            return """
                        "\(node.path)" )
                            if [[ $current == -* ]]; then \(reply(.nothing, words: options))
                            else \(reply(first, words: names)); fi ;;
                """
        }.joined(separator: "\n")
    }

    private static func reply(_ completion: ValueCompletion, words: [String]) -> String {
        // mapfile keeps file names with spaces whole; readline quotes them where it is told that they are file names.
        switch completion {
        case .nothing: words.isEmpty ? ":" : offer("-W \"\(words.joined(separator: " "))\"")
        case .files: "compopt -o filenames 2>/dev/null; " + offer("-f")
        case .directories: "compopt -o filenames 2>/dev/null; " + offer("-d")
        case .choices(let choices): offer("-W \"\(choices.joined(separator: " "))\"")
        }
    }

    private static func offer(_ action: String) -> String {
        "mapfile -t COMPREPLY < <(compgen \(action) -- \"$current\")"
    }
}

/// A command as the shells see it.
struct CompletionNode {
    let command: Command
    /// The names down to it, separated by spaces.
    let path: String
    /// Its own options and those of the commands above.
    let options: [ParameterDefinition]

    init(_ command: Command, below parents: [Command]) {
        self.command = command
        path = (parents + [command]).map(\.name).joined(separator: " ")
        options = command.optionDefinitions + parents.reversed().flatMap(\.optionDefinitions)
    }
}

extension ParameterDefinition {
    /// `--out` and, where there is one, `-o`.
    var spellings: [String] { [label] + (short.map { ["-\($0)"] } ?? []) }
}

extension String {
    /// A name that shells take for a function.
    var replacingDashes: String { String(map { $0 == "-" || $0 == " " ? "_" : $0 }) }
}
