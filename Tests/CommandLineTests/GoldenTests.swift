import Foundation
import Testing

@testable import CommandLine

/// What is generated from the definitions, compared with the files in Golden.
///
/// `UPDATE_GOLDEN=1 swift test --filter GoldenTests` writes the files anew; read the difference before committing it.
@Suite struct GoldenTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

    @Test(arguments: [
        ("help-program.txt", ["--help"]), ("help-command.txt", ["build", "--help"]),
        ("help-group.txt", ["help", "signature"]), ("completions.bash", ["completions", "bash"]),
        ("completions.zsh", ["completions", "zsh"]), ("completions.fish", ["completions", "fish"]),
        ("manual.1", ["manual"]), ("manual.md", ["manual", "--markdown"]),
    ])
    func printsWhatTheFileSays(file: String, words: [String]) throws {
        let answer = Answer.of(words)
        #expect(answer.code == 0)
        #expect(answer.notices == "")
        let url = Self.folder.appending(path: file)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
            try answer.output.write(to: url, atomically: true, encoding: .utf8)
        }
        #expect(try answer.output == String(contentsOf: url, encoding: .utf8))
    }
}
