import FileSystem
import Processes
import Testing

/// docs/operations.md as somebody follows it: every `sh` block, in its order, in one folder.
@Suite(.programs, .oneByOne) struct OperationsTests {
    private struct Block {
        /// Of its first line in the document.
        let line: Int
        let script: String
    }

    private static let document = "\(Programs.repository)/docs/operations.md"

    private static func blocks() throws -> [Block] {
        var blocks: [Block] = []
        var open: (line: Int, lines: [Substring])?
        let text = String(decoding: try FileSystem.read(document, limit: 1 << 20), as: UTF8.self)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if let block = open {
                guard line == "```" else {
                    open?.lines.append(line)
                    continue
                }
                blocks.append(Block(line: block.line, script: block.lines.joined(separator: "\n")))
                open = nil
            } else if line == "```sh" {
                open = (index + 2, [])
            }
        }
        return blocks
    }

    /// What the page takes for given: bundles that CI has built, an object store, our programs on the path.
    private static func surroundings(_ scratch: Scratch) throws -> [String: String] {
        let project = "\(Programs.repository)/examples/digits"
        for version in ["1", "2"] { try Programs.pack("build", project, "-o", scratch("dist"), "--version", version) }
        var environment = try ObjectStore.shared.get().environment
        environment["PATH"] = "\(FileSystem.parent(of: Programs.edgepack)):\(environment["PATH"] ?? "/usr/bin:/bin")"
        return environment
    }

    @Test(.objectStore) func everyCommandOfThePageWorksInItsOrder() throws {
        let scratch = try Scratch()
        let environment = try Self.surroundings(scratch)
        let blocks = try Self.blocks()
        try #require(blocks.count > 20)
        for block in blocks {
            let result = try Programs.run(
                "/bin/bash",
                ["-euo", "pipefail", "-c", block.script],
                in: scratch.path,
                environment: environment
            )
            let told = "\(result.outputText)\(result.errorText)"
            try #require(result.isSuccess, "docs/operations.md, line \(block.line): \(block.script)\n\(told)")
        }
    }
}
