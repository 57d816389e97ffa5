import FileSystem
import JSON
import Processes
import Testing

/// What the programs say of themselves, and what they print for other programs.
@Suite(.programs, .oneByOne) struct HelpTests {
    /// Every command that runs; a new one is found through its program's own help.
    private static func commands(of program: String, below path: [String] = []) throws -> [[String]] {
        let help = try Programs.succeed(program, path + ["--help"])
        guard let section = help.split(separator: "Commands:\n").dropFirst().first else { return [path] }
        let names = section.split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
            .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
        return try names.flatMap { try commands(of: program, below: path + [$0]) }
    }

    @Test func everyCommandOfTheContractIsThere() throws {
        let packager = try Self.commands(of: Programs.edgepack).map { $0.joined(separator: " ") }
        for command in [
            "init", "lock", "build", "test", "inspect", "verify", "extract", "sign", "signature export", "key generate",
            "key import", "key show", "repo init", "repo commit", "repo verify", "repo export", "repo rotate",
            "repo refresh", "repo delegate", "repo undelegate", "repo check-expiry", "publish", "acceptance publish",
            "acceptance show", "deploy", "rollout", "revoke",
        ] { #expect(packager.contains(command), "\(packager)") }
        let runtime = try Self.commands(of: Programs.edgeruntime).map { $0.joined(separator: " ") }
        for command in ["serve", "check", "score"] { #expect(runtime.contains(command), "\(runtime)") }
        let agent = try Self.commands(of: Programs.edgeagent).map { $0.joined(separator: " ") }
        for command in ["run", "sync", "status", "why", "retry", "install", "rollback", "history"] {
            #expect(agent.contains(command), "\(agent)")
        }
        let fleet = try Self.commands(of: Programs.edgefleet).map { $0.joined(separator: " ") }
        for command in [
            "serve", "token create", "token list", "token revoke", "devices", "device show", "device label",
            "device revoke", "device decommission", "status", "where", "events", "audit list", "audit verify",
            "simulate",
        ] { #expect(fleet.contains(command), "\(fleet)") }
    }

    @Test(arguments: Programs.areThere ? Programs.all : [])
    func helpNamesUsageOptionsExitCodesAndAnExample(_ program: String) throws {
        let name = FileSystem.name(of: program)
        for command in try Self.commands(of: program) where !["help", "completions", "manual"].contains(command[0]) {
            let result = try Programs.run(program, command + ["--help"])
            #expect(result.isSuccess)
            #expect(result.errorText.isEmpty, "help was asked for: it is data")
            let help = result.outputText
            #expect(help.hasPrefix("Usage: \(name) \(command.joined(separator: " ")) [OPTIONS]"), "\(help)")
            #expect(help.contains("\nExit codes:\n  0   done\n"), "\(command): \(help)")
            #expect(help.contains("\nExample"), "\(command) shows no example")
            try CommandLines(in: help, indented: 4).check()
        }
    }

    @Test(arguments: Programs.areThere ? Programs.all : [])
    func completionsAndTheManualAreWhatTheirReadersRead(_ program: String) throws {
        let scratch = try Scratch()
        let bash = try scratch.write(Programs.succeed(program, ["completions", "bash"]), to: "completion.bash")
        #expect(try Programs.run("/bin/bash", ["-n", bash]).isSuccess)
        let manual = try scratch.write(Programs.succeed(program, ["manual"]), to: "manual.1")
        guard let man = Judge.find("man") else { return }
        let result = try Programs.run(man, ["--warnings", "-l", manual])
        #expect(result.isSuccess && result.errorText.isEmpty, "\(result.errorText)")
    }

    @Test func whatIsPrintedAsJSONIsJSON() throws {
        let example = try Example.native.get()
        let scratch = try Scratch()
        try scratch.copy(example.project, as: "p")
        let key = try Keys.shared.get().publicKey
        let commands = [
            ["build", "p", "-o", "dist", "--json"], ["inspect", example.signed, "--json"],
            ["inspect", example.signed, "--json", "--files"], ["inspect", example.tree, "--json"],
            ["verify", example.signed, "--key", key, "--json"],
            ["verify", "--tree", example.tree, "--signature", example.signature, "--key", key, "--json"],
            ["test", example.signed, "--json"],
        ]
        for command in commands {
            let output = try Programs.succeed(Programs.edgepack, command, in: scratch.path)
            #expect(throws: Never.self, "\(command): \(output)") {
                try JSONValue.parse(Array(output.utf8), limits: .document)
            }
        }
        let check = try Programs.succeed(Programs.edgeruntime, ["check", example.tree, "--json"])
        #expect(throws: Never.self, "\(check)") { try JSONValue.parse(Array(check.utf8), limits: .document) }
    }

    @Test func lockPrintsJSONToo() throws {
        let scratch = try Scratch()
        let project = try ScriptProject(in: scratch)
        let output = try Programs.pack("lock", project.path, "--json")
        let locks = try JSONValue.parse(Array(output.utf8), limits: .document)
        #expect(locks.arrayValue?.map { $0["change"]?.stringValue } == ["created"])
    }
}
