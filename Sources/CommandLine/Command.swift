package import Diagnostics

/// One command of a program as data: parsing, help, completions, man page and reference all come from it.
///
/// A command either runs or has subcommands. Options are also accepted after any subcommand below.
package struct Command: Sendable {
    /// What a run command does; the exit code is for outcomes that are no errors. Errors are thrown.
    package typealias Run = @Sendable (ParsedArguments, Terminal) throws -> ExitCode

    package let name: String
    /// One line, lower case, no full stop.
    package let summary: String
    /// Paragraphs for the reader who wants to know more; each is filled to the width.
    package let discussion: [String]
    package let examples: [Example]
    package var arguments: [any Parameter]
    package var options: [any Parameter]
    package var subcommands: [Command]
    /// The codes, besides 0, 1 and 64, that a script should tell apart.
    package let exitCodes: [ExitCode]
    package let run: Run?

    /// A command that runs.
    package init(
        _ name: String,
        summary: String,
        discussion: [String] = [],
        examples: [Example] = [],
        arguments: [any Parameter] = [],
        options: [any Parameter] = [],
        exitCodes: [ExitCode] = [],
        run: @escaping Run
    ) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.examples = examples
        self.arguments = arguments
        self.options = options
        self.subcommands = []
        self.exitCodes = exitCodes
        self.run = run
    }

    /// A command that only groups others.
    package init(
        _ name: String,
        summary: String,
        discussion: [String] = [],
        examples: [Example] = [],
        options: [any Parameter] = [],
        subcommands: [Command]
    ) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.examples = examples
        self.arguments = []
        self.options = options
        self.subcommands = subcommands
        self.exitCodes = []
        self.run = nil
    }
}

/// A command line that works as pasted, and what it is for.
package struct Example: Sendable {
    package let purpose: String
    package let line: String

    /// The purpose is printed with a colon after it; a full stop is taken away.
    package init(_ purpose: String, _ line: String) {
        self.purpose = purpose.hasSuffix(".") ? String(purpose.dropLast()) : purpose
        self.line = line
    }
}

extension Command {
    /// What is wrong with the declarations of this command and those below it; `Program.main` of a debug build asks.
    package func definitionProblems(inherited: [ParameterDefinition] = [], path: String = "") -> [String] {
        let here = path.isEmpty ? name : "\(path) \(name)"
        let own = options.map(\.definition)
        let visible = inherited + own
        var problems: [String] = []
        func refuse(_ problem: String) { problems.append("\(here): \(problem)") }

        if run == nil, subcommands.isEmpty { refuse("neither runs nor has subcommands") }
        if run != nil, !subcommands.isEmpty { refuse("runs and has subcommands") }
        if summary.isEmpty || summary.hasSuffix(".") { refuse("its summary is empty or ends with a full stop") }
        for name in repeated(visible.map(\.name) + ["help"]) { refuse("--\(name) is declared twice") }
        for short in repeated(visible.compactMap(\.short) + ["h"]) { refuse("-\(short) is declared twice") }
        for name in repeated(arguments.map(\.definition.name)) { refuse("\(name) is declared twice") }
        for name in repeated(subcommands.map(\.name)) { refuse("\(name) is declared twice") }
        for option in own where option.role == .argument { refuse("\(option.name) is no option") }

        let arities = arguments.map(\.definition.arity)
        for (before, after) in zip(arities, arities.dropFirst()) {
            if case .repeated = before { refuse("only the last argument can be repeated") }
            if before == .optional, after == .required { refuse("a required argument follows an optional one") }
        }
        return problems + subcommands.flatMap { $0.definitionProblems(inherited: visible, path: here) }
    }

    private func repeated<Name: Hashable>(_ names: [Name]) -> [Name] {
        var seen: Set<Name> = []
        return names.filter { !seen.insert($0).inserted }
    }
}
