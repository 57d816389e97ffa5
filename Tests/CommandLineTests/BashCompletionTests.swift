import Foundation
import Testing

@testable import CommandLine

/// bash itself says what the generated script completes.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/bin/bash"), "bash is not there"))
struct BashCompletionTests {
    @Test(arguments: [
        (["kiln", "si"], ["signature"]),
        (["kiln", "signature", ""], ["add", "say"]),
        (["kiln", "build", "--l"], ["--limit", "--level"]),
        (["kiln", "build", "--level", ""], ["fast", "small"]),
        (["kiln", "build", "--level", "=", "s"], ["small"]),
        (["kiln", "build", "--level", "="], ["fast", "small"]),
        (["kiln", "-q", "--color", "build", "si"], ["signature"]),
        (["kiln", "build", "x/a"], ["x/a b.txt", "x/and"]),
        (["kiln", "build", "-o", "x/"], ["x/and"]),
        (["kiln", "completions", "z"], ["zsh"]),
        (["kiln", "explode", ""], []),
    ])
    func completes(words: [String], offered: [String]) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "completion-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder.appending(path: "x/and"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data().write(to: folder.appending(path: "x/a b.txt"))
        try Answer.of(["completions", "bash"]).output
            .write(to: folder.appending(path: "script"), atomically: true, encoding: .utf8)

        let bash = Process()
        bash.executableURL = URL(filePath: "/bin/bash")
        bash.currentDirectoryURL = folder
        let run = #"source ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kiln; printf '%s\n' "${COMPREPLY[@]}""#
        bash.arguments = ["-c", run, "bash"] + words
        let output = Pipe()
        bash.standardOutput = output
        try bash.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        bash.waitUntilExit()
        #expect(bash.terminationStatus == 0)
        #expect(text.split(separator: "\n").map(String.init).sorted() == offered.sorted())
    }
}
