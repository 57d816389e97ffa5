import AgentSync
import CommandLine
import Deployment
import Diagnostics
import EdgeAgent
import JSON

/// `edgeagent-sync why`.
enum WhyCommand {
    private static let endpoint = Option.optional(
        "endpoint",
        .text.named("NAME"),
        summary: "one endpoint; without it all of the box"
    )
    private static let json = Option.flag("json", summary: "print the result as JSON")

    static let command = Command(
        "why",
        summary: "say why each endpoint is as it is",
        discussion: [
            "One sentence for each endpoint, then every rule that may say no, strongest first, with its state, and what "
                + "was passed over for which reason. Nothing is fetched or changed."
        ],
        examples: [Example("Ask about one endpoint", "edgeagent-sync why --endpoint digits")],
        options: [SharedParameters.store, endpoint, json],
        exitCodes: [.configuration, .noInput, .dataError, .incompatible],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let name = try arguments[endpoint].map { text in
            guard let name = EndpointName(text) else {
                throw arguments.usageError("--endpoint: '\(text)' is no endpoint's name")
            }
            return name
        }
        let accounts = try EndpointAccount.all(try SyncStore(opening: SharedParameters.layout(arguments)), only: name)
        if arguments[json] {
            let value: JSONValue = ["endpoints": .array(accounts.map(\.json))]
            try terminal.write(String(decoding: value.prettyBytes(), as: UTF8.self))
            return .done
        }
        for (position, account) in accounts.enumerated() {
            if position > 0 { try terminal.writeLine() }
            try print(account, terminal)
        }
        return .done
    }

    private static func print(_ account: EndpointAccount, _ terminal: Terminal) throws {
        try terminal.writeLine(account.sentence.printable())
        let asked = account.explanation.rules.filter { $0.state != .notAsked }
        if !asked.isEmpty {
            var rules = TextTable([.text("RULE"), .text("STATE"), .text("BECAUSE")])
            for rule in asked { rules.add(rule.rule.rawValue, rule.state.rawValue, rule.sentence.printable()) }
            try terminal.writeLine()
            try terminal.write(rules.rendered())
        }
        if !account.explanation.passedOver.isEmpty {
            try terminal.writeLine()
            for other in account.explanation.passedOver {
                try terminal.writeLine("not \(other.subject): \(other.sentence)".printable())
            }
        }
        guard let last = account.last else { return }
        let detail = last.ending.detail.isEmpty ? "" : ": \(last.ending.detail)"
        try terminal.writeLine()
        try terminal.writeLine(
            "the last try, of deployment \(last.serial), ended \(last.ending.result.code)\(detail)".printable()
        )
    }
}
