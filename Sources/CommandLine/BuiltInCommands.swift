import Diagnostics

/// Commands that every program with subcommands has, made from its own definitions.
enum BuiltInCommands {
    enum Shell: String, CaseIterable, Sendable {
        case bash, zsh, fish
    }

    /// The commands to add to a program's root.
    static func all(_ root: Command, version: String) -> [Command] {
        // What is generated shows these commands too; they are added without their behaviour, which it does not need.
        var complete = root
        complete.subcommands += [help(root), completions(root), manual(root, version: version)]
        let tree = complete
        return [help(tree), completions(tree), manual(tree, version: version)]
    }

    private static func help(_ tree: Command) -> Command {
        let topic = Argument.repeated("COMMAND", .text, summary: "the command to read about")
        return Command("help", summary: "print the help of a command", arguments: [topic]) { arguments, terminal in
            var path = [tree]
            for word in arguments[topic] {
                let commands = path[path.count - 1].subcommands
                guard let next = commands.first(where: { $0.name == word }) else {
                    let nearest = NearestName.nearest(to: word, among: commands.map(\.name))
                    throw UsageError(.unknownCommand(word, nearest: nearest), in: path.map(\.name))
                }
                path.append(next)
            }
            let page = HelpPage(path: path, width: terminal.textWidth) { terminal.styled($0, .heading) }
            try terminal.write(page.rendered())
            return .done
        }
    }

    private static func completions(_ tree: Command) -> Command {
        let shell = Argument("SHELL", ValueType<Shell>.choice, summary: "the shell to complete in")
        let name = tree.name
        return Command(
            "completions",
            summary: "print a completion script for a shell",
            examples: [Example("Complete in this bash", "source <(\(name) completions bash)")],
            arguments: [shell]
        ) { arguments, terminal in
            let script =
                switch arguments[shell] {
                case .bash: BashCompletion.script(for: tree)
                case .zsh: ZshCompletion.script(for: tree)
                case .fish: FishCompletion.script(for: tree)
                }
            try terminal.write(script)
            return .done
        }
    }

    private static func manual(_ tree: Command, version: String) -> Command {
        let markdown = Option.flag("markdown", summary: "print Markdown in place of a man page")
        let name = tree.name
        return Command(
            "manual",
            summary: "print the manual of all commands as a man page",
            examples: [Example("Read it", "\(name) manual | man -l -")],
            options: [markdown]
        ) { arguments, terminal in
            try terminal.write(
                arguments[markdown] ? MarkdownManual.page(for: tree) : ManualPage.page(for: tree, version: version)
            )
            return .done
        }
    }
}
