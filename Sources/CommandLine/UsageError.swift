package import Diagnostics

/// A command line that can't be understood: which word, why, and what was probably meant.
package struct UsageError: ExplainedError, Equatable {
    package enum Problem: Sendable, Equatable {
        case unknownCommand(String, nearest: String?)
        case unknownOption(String, nearest: String?)
        case missingCommand
        case missingValue(option: String, placeholder: String, next: String?)
        case unexpectedValue(option: String)
        case repeatedOption(String)
        case missingOption(String, environment: String?)
        case missingArgument(String)
        case unexpectedArgument(String)
        /// The label is `--port`, `PROJECT` or `EDGE_PORT (environment)`.
        case invalidValue(label: String, text: String, reason: String, nearest: String?)
        case rule(String)
    }

    package let problem: Problem
    /// The names from the program down to the command.
    package let commandPath: [String]

    package init(_ problem: Problem, in commandPath: [String]) {
        self.problem = problem
        self.commandPath = commandPath
    }

    package var exitCode: ExitCode { .usage }

    package var message: String {
        let command = commandPath.joined(separator: " ")
        return switch problem {
        case .unknownCommand(let word, _): "unknown command '\(word)' for \(command)"
        case .unknownOption(let word, _): "unknown option \(word) for \(command)"
        case .missingCommand: "\(command) needs a command"
        case .missingValue(let option, let placeholder, nil): "\(option) needs a value (\(placeholder))"
        case .missingValue(let option, let placeholder, let next?):
            "\(option) needs a value (\(placeholder)), but '\(next)' follows, which looks like an option"
        case .unexpectedValue(let option): "\(option) takes no value"
        case .repeatedOption(let option): "\(option) is given twice"
        case .missingOption(let option, _): "\(option) is missing"
        case .missingArgument(let name): "\(name) is missing"
        case .unexpectedArgument(let word): "unexpected argument '\(word)' for \(command)"
        case .invalidValue(let label, let text, let reason, _): "\(label): '\(text)' \(reason)"
        case .rule(let reason): reason
        }
    }

    package var hint: String? {
        let help = "see `\((commandPath + ["--help"]).joined(separator: " "))`"
        return remedy.map { "\($0)\n\(help)" } ?? help
    }

    private var remedy: String? {
        switch problem {
        case .unknownCommand(_, let nearest?), .unknownOption(_, let nearest?), .invalidValue(_, _, _, let nearest?):
            "did you mean '\(nearest)'?"
        case .missingValue(let option, _, let next?): "write \(option)=\(next) if that is the value"
        case .missingOption(_, let environment?): "it can also be set with the environment variable \(environment)"
        default: nil
        }
    }
}
