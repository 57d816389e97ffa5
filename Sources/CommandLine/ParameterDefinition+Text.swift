import Diagnostics

/// How parameters are written in usage lines, help, manuals and reference alike.
extension ParameterDefinition {
    /// `-o, --out DIR`, or `PROJECT` for an argument; options without a letter are indented to line up where asked.
    func term(aligned: Bool = false) -> String {
        guard role != .argument else { return usage }
        let letter = short.map { "-\($0), " } ?? (aligned ? "    " : "")
        return letter + label + (role == .flag ? "" : " \(placeholder)")
    }

    /// Its part of a usage line: `PROJECT`, `[DIR]`, `FILE...`, `--key FILE`.
    var usage: String {
        let word = role == .argument ? name : (role == .flag ? label : "\(label) \(placeholder)")
        return switch arity {
        case .required: word
        case .optional: "[\(word)]"
        case .repeated(minimum: 0): "[\(word)]..."
        case .repeated: "\(word)..."
        }
    }

    /// What follows the summary in parentheses: bounds, default, variable.
    var notes: [String] {
        var notes: [String] = []
        if let note { notes.append(note) }
        if let sample, defaultText == nil { notes.append("such as \(sample)") }
        if role == .option, case .repeated = arity { notes.append("may be repeated") }
        if let defaultText { notes.append("default: \(defaultText)") }
        if let environment { notes.append("environment: \(environment)") }
        if role == .option, arity == .required { notes.append("required") }
        return notes
    }

    /// The summary with the notes after it.
    var explanation: String {
        notes.isEmpty ? summary : "\(summary) (\(notes.joined(separator: "; ")))"
    }
}

extension Command {
    var argumentDefinitions: [ParameterDefinition] { arguments.map(\.definition) }
    var optionDefinitions: [ParameterDefinition] { options.map(\.definition) }

    /// The declared codes and 0, each once and in order; none where none is declared.
    var documentedExitCodes: [ExitCode] {
        exitCodes.isEmpty ? [] : Set(exitCodes + [.done]).sorted { $0.rawValue < $1.rawValue }
    }

    /// `edgepack build [OPTIONS] PROJECT`, given the names above the command.
    func usage(below path: [String]) -> String {
        let required = optionDefinitions.filter { $0.arity == .required }.map(\.usage)
        let rest = subcommands.isEmpty ? argumentDefinitions.map(\.usage) : ["COMMAND"]
        return (path + [name, "[OPTIONS]"] + required + rest).joined(separator: " ")
    }

    /// Every command below, depth first, with the commands above it; this one comes first.
    func flattened(below path: [Command] = []) -> [(command: Command, path: [Command])] {
        [(self, path)] + subcommands.flatMap { $0.flattened(below: path + [self]) }
    }
}
