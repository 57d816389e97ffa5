import FileSystem
import Processes
import Testing

/// Bad input, and what a user sees of it.
struct Refusal: CustomTestStringConvertible, Sendable {
    /// What is wrong.
    let input: String
    /// `edgepack verify …`; `%` stands for the scratch folder.
    let command: String
    let exitCode: Int32
    /// What standard error must hold, `%` likewise.
    let says: [String]
    /// What an error would be read for in vain.
    var doesNotSay: [String] = []
    /// Brings the scratch folder into the state that the command meets.
    var arrange: @Sendable (Scratch) throws -> Void = { _ in }

    var testDescription: String { input }

    /// Runs the command in the scratch folder and checks exit code, message, and that nothing new is left there.
    func check() throws {
        let scratch = try Scratch()
        _ = try scratch.folder("temporary")
        try arrange(scratch)
        let before = try scratch.listing()
        let words = command.split(separator: " ").map { String($0).replacing("%", with: scratch.path) }
        let program = words[0] == "edgepack" ? Programs.edgepack : Programs.edgeruntime
        var environment = Programs.environment
        environment["TMPDIR"] = scratch("temporary")
        let result = try Programs.run(program, Array(words.dropFirst()), in: scratch.path, environment: environment)

        #expect(result.status == .exited(exitCode), "\(result.errorText)")
        for text in says {
            let expected = text.replacing("%", with: scratch.path)
            #expect(result.errorText.contains(expected), "\(result.errorText)")
        }
        for text in doesNotSay { #expect(!result.errorText.contains(text), "\(result.errorText)") }
        #expect(result.standardOutput.isEmpty, "standard output is for data: \(result.outputText)")
        #expect(result.errorText.contains("error: "), "\(result.errorText)")
        #expect(try scratch.listing() == before)
        // Wrong command lines are the same for every command, and may name none.
        guard exitCode != 64 else { return }
        let documented = try Help.exitCodes(program, words)
        #expect(documented.contains(exitCode), "`\(words[1]) --help` does not name \(exitCode)")
    }
}

/// What `--help` says.
enum Help {
    /// The exit codes that a command line's help lists, and those that every command has.
    static func exitCodes(_ program: String, _ words: [String]) throws -> Set<Int32> {
        let command = words[1] == "signature" || words[1] == "key" ? words[1...2] : words[1...1]
        let help = try Programs.succeed(program, command + ["--help"])
        guard let section = help.split(separator: "Exit codes:\n").dropFirst().first else { return [] }
        let codes = section.split(separator: "\n").prefix { $0.hasPrefix("  ") }
            .compactMap { $0.split(separator: " ").first.flatMap { Int32($0) } }
        return Set(codes + [0, 1, 64])
    }
}
