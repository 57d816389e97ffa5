import Diagnostics

/// Reads the words of a command line against a tree of commands. Pure: words and environment in, outcome out.
struct CommandLineParser {
    enum Outcome {
        case run(Command.Run, ParsedArguments)
        /// `--help` for the last command of the path.
        case help([Command])
        case version
    }

    private let environment: (String) -> String?
    private var path: [Command]
    private var words: ArraySlice<String>
    private var positionals: [String] = []
    private var occurrences: [String: [String]] = [:]
    /// Set by `--help` or `--version`, which win over everything after them.
    private var shortcut: Outcome?

    init(words: [String], root: Command, environment: @escaping (String) -> String?) {
        self.environment = environment
        self.words = words[...]
        path = [root]
    }

    private var command: Command { path[path.count - 1] }
    private var commandPath: [String] { path.map(\.name) }
    /// The options of the command and of all above it, the command's own first.
    private var visibleOptions: [ParameterDefinition] { path.reversed().flatMap { $0.options.map(\.definition) } }

    private func failure(_ problem: UsageError.Problem) -> UsageError {
        UsageError(problem, in: commandPath)
    }

    /// The outcome, or the first thing that is wrong.
    mutating func parse() throws(UsageError) -> Outcome {
        var optionsEnded = false
        while let word = words.popFirst() {
            if optionsEnded || !looksLikeOption(word) {
                try takeWord(word)
            } else if word == "--" {
                optionsEnded = true
            } else if word.hasPrefix("--") {
                try takeLongOption(word)
            } else {
                try takeShortOptions(word)
            }
            if let shortcut { return shortcut }
        }
        guard let run = command.run else { throw failure(.missingCommand) }
        return .run(run, try collect())
    }

    /// `-` alone means standard input or output, and `-5` or `-.5` is a number unless a digit is a declared option.
    private func looksLikeOption(_ word: String) -> Bool {
        guard word.hasPrefix("-"), word != "-" else { return false }
        return !isNegativeNumber(word)
    }

    private func isNegativeNumber(_ word: String) -> Bool {
        let rest = word.dropFirst()
        guard word.hasPrefix("-"), let first = rest.first else { return false }
        let digit = first == "." ? rest.dropFirst().first : first
        guard let digit, digit.isASCII, digit.isNumber else { return false }
        return !visibleOptions.contains { $0.short == first }
    }

    private mutating func takeWord(_ word: String) throws(UsageError) {
        guard !command.subcommands.isEmpty else {
            positionals.append(word)
            return
        }
        guard let next = command.subcommands.first(where: { $0.name == word }) else {
            let nearest = NearestName.nearest(to: word, among: command.subcommands.map(\.name))
            throw failure(.unknownCommand(word, nearest: nearest))
        }
        path.append(next)
    }

    private mutating func takeLongOption(_ word: String) throws(UsageError) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let spelled = String(parts[0])
        let inline = parts.count > 1 ? String(parts[1]) : nil
        guard let option = visibleOptions.first(where: { $0.label == spelled }) else {
            return try takeBuiltIn(spelled, hasValue: inline != nil)
        }
        if option.role == .flag {
            guard inline == nil else { throw failure(.unexpectedValue(option: spelled)) }
            try record("true", for: option)
        } else if let inline {
            try record(inline, for: option)
        } else {
            try record(try nextValue(of: option, spelled: spelled), for: option)
        }
    }

    private mutating func takeShortOptions(_ word: String) throws(UsageError) {
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            guard let option = visibleOptions.first(where: { $0.short == letter }) else {
                if letter == "h" {
                    shortcut = .help(path)
                    return
                }
                throw failure(.unknownOption("-\(letter)", nearest: nil))
            }
            guard option.role == .option else {
                try record("true", for: option)
                continue
            }
            if letters.isEmpty {
                try record(try nextValue(of: option, spelled: "-\(letter)"), for: option)
            } else {
                try record(String(letters), for: option)
            }
            return
        }
    }

    private mutating func takeBuiltIn(_ spelled: String, hasValue: Bool) throws(UsageError) {
        // A program's version is asked of the program; below it the name is free (`edgepack build --version 3`).
        switch spelled {
        case "--help" where !hasValue: shortcut = .help(path)
        case "--version" where !hasValue && path.count == 1: shortcut = .version
        case "--help": throw failure(.unexpectedValue(option: spelled))
        case "--version" where path.count == 1: throw failure(.unexpectedValue(option: spelled))
        default:
            let known = visibleOptions.map(\.label) + ["--help"] + (path.count == 1 ? ["--version"] : [])
            throw failure(.unknownOption(spelled, nearest: NearestName.nearest(to: spelled, among: known)))
        }
    }

    private mutating func nextValue(of option: ParameterDefinition, spelled: String) throws(UsageError) -> String {
        guard let word = words.first else {
            throw failure(.missingValue(option: spelled, placeholder: option.placeholder, next: nil))
        }
        guard !looksLikeOption(word) else {
            throw failure(.missingValue(option: spelled, placeholder: option.placeholder, next: word))
        }
        words.removeFirst()
        return word
    }

    private mutating func record(_ text: String, for option: ParameterDefinition) throws(UsageError) {
        if option.role == .option, option.arity == .optional || option.arity == .required {
            guard occurrences[option.label] == nil else { throw failure(.repeatedOption(option.label)) }
        }
        occurrences[option.label, default: []].append(text)
    }
}

extension CommandLineParser {
    /// Reads every value, from the words first and else from the environment.
    private func collect() throws(UsageError) -> ParsedArguments {
        var values: [String: any Sendable] = [:]
        var given: Set<String> = []
        for option in visibleOptions where values[option.label] == nil {
            let (texts, source) = texts(of: option)
            if !texts.isEmpty { given.insert(option.label) }
            if option.arity == .required, texts.isEmpty {
                throw failure(.missingOption(option.label, environment: option.environment))
            }
            values[option.label] = try read(texts, as: option, label: source)
        }
        var rest = positionals[...]
        for argument in command.arguments.map(\.definition) {
            let texts = try take(argument, from: &rest)
            if !texts.isEmpty { given.insert(argument.label) }
            values[argument.label] = try read(texts, as: argument, label: argument.label)
        }
        if let extra = rest.first { throw failure(.unexpectedArgument(extra)) }
        return ParsedArguments(commandPath: commandPath, values: values, given: given)
    }

    private func texts(of option: ParameterDefinition) -> (texts: [String], source: String) {
        if let texts = occurrences[option.label] { return (texts, option.label) }
        // An empty variable counts as unset, as `VARIABLE= program` is the usual way to unset it for one call.
        if let variable = option.environment, let text = environment(variable), !text.isEmpty {
            return ([text], "\(variable) (environment)")
        }
        return ([], option.label)
    }

    private func take(
        _ argument: ParameterDefinition,
        from rest: inout ArraySlice<String>
    ) throws(UsageError) -> [String] {
        let taken: [String]
        let minimum: Int
        switch argument.arity {
        case .required: (taken, minimum) = (Array(rest.prefix(1)), 1)
        case .optional: (taken, minimum) = (Array(rest.prefix(1)), 0)
        case .repeated(let least): (taken, minimum) = (Array(rest), least)
        }
        guard taken.count >= minimum else { throw failure(.missingArgument(argument.label)) }
        rest = rest.dropFirst(taken.count)
        return taken
    }

    private func read(
        _ texts: [String],
        as definition: ParameterDefinition,
        label: String
    ) throws(UsageError) -> any Sendable {
        do {
            return try definition.store(texts)
        } catch {
            throw failure(
                .invalidValue(label: label, text: error.text, reason: error.reason, nearest: error.nearest)
            )
        }
    }
}
