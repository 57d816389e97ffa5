import FileSystem
import Processes
import Testing

/// The command lines in the documents are such as the programs take.
@Suite(.programs, .oneByOne) struct DocumentTests {
    private static let documents = [
        "README.md", "examples/digits/README.md", "examples/digits-script/README.md", "docs/repository.md",
        "docs/agent.md", "docs/fleet.md",
    ]

    /// The fenced blocks of a document: what stands between two fences, every other one.
    private static func blocks(of document: String) throws -> [String] {
        let bytes = try FileSystem.read("\(Programs.repository)/\(document)", limit: 1 << 20)
        return String(decoding: bytes, as: UTF8.self)
            .split(separator: "\n```", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }
            .map { $0.element.drop { $0 != "\n" } + "\n" }.map { String($0) }
    }

    @Test(arguments: documents)
    func showsCommandLinesThatTheProgramsTake(_ document: String) throws {
        let lines = CommandLines(in: try Self.blocks(of: document).joined(), indented: 0)
        #expect(lines.count >= 3, "\(document) shows no commands")
        try lines.check()
    }

    /// Every line of the threat model is backed: the tests that it names are there.
    @Test func theThreatModelNamesTestsThatAreThere() throws {
        let bytes = try FileSystem.read("\(Programs.repository)/docs/threat-model.md", limit: 1 << 20)
        let sources = try FileSystem.files(below: "\(Programs.repository)/Tests", limit: 10_000).map(\.path)
        let named = String(decoding: bytes, as: UTF8.self).split(separator: "`").map { $0.split(separator: ".") }
            .filter { $0.count == 2 && $0[0].hasSuffix("Tests") }
        #expect(named.count > 20)
        for words in named {
            let source = sources.first { FileSystem.name(of: $0) == "\(words[0]).swift" }
            let path = "\(Programs.repository)/Tests/\(try #require(source, "there is no \(words[0])"))"
            let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
            #expect(text.contains("func \(words[1])("), "there is no \(words.joined(separator: "."))")
        }
    }

    @Test func theReadmeStartsWithTwoCommands() throws {
        #expect(try Self.blocks(of: "README.md").first == "\nscripts/demo\nscripts/test\n")
    }

    /// From a model to a served bundle, as pasted. The environment is not locked but taken from an example that pins
    /// the same, since locking asks the network.
    @Test func whatTheReadmeShowsForAModelOfOnesOwnWorks() throws {
        let blocks = try Self.blocks(of: "README.md")
        let packing = try #require(blocks.first { $0.contains("edgepack init my-model") })
        let extracting = try #require(blocks.first { $0.contains("edgepack extract ") })
        let scratch = try Scratch()
        _ = try scratch.folder("PATH/TO")
        let digits = "\(Programs.repository)/examples/digits"
        try scratch.copy("\(digits)/model/digits.onnx", as: "PATH/TO/my.onnx")
        let lines = (packing + extracting).split(separator: "\n").map(String.init).filter { line in
            ["edgepack", "mkdir", "cp"].contains { line.hasPrefix($0 + " ") }
        }
        let script = lines.map { line in
            line.hasPrefix("edgepack lock ") ? "cp -r '\(digits)/locks' my-model/" : line
        }
        #expect(script != lines, "the README locks the environment")
        if Architecture.here != .x86 { return }
        var environment = Programs.environment
        environment["PATH"] = "\(FileSystem.parent(of: Programs.edgepack)):\(environment["PATH"] ?? "")"
        let result = try Programs.run(
            "/bin/bash",
            ["-ec", script.joined(separator: "\n")],
            in: scratch.path,
            environment: environment
        )
        #expect(result.isSuccess, "\(result.outputText)\(result.errorText)")
        let server = try ServedRuntime(scratch("tree"))
        #expect(try server.get("/v2/models/my-model").status == 200)
    }
}

/// Command lines of our programs in a text, to be compared with their help.
struct CommandLines {
    /// By their names.
    private static let programs = Dictionary(
        Programs.all.map { (FileSystem.name(of: $0), $0) },
        uniquingKeysWith: { first, _ in first }
    )

    private let lines: [[String]]

    var count: Int { lines.count }

    /// Lines that start with a program of ours behind `indented` spaces, or with a prompt.
    init(in text: String, indented: Int) {
        let joined = text.replacing("\\\n", with: " ")
        lines = joined.split(separator: "\n").compactMap { line in
            var words = line.drop { $0 == " " }.split(separator: " ").map(String.init)
            if words.first == "$" { words.removeFirst() }
            guard let program = words.first, Self.programs[program] != nil else { return nil }
            guard indented == 0 || line.prefix(while: { $0 == " " }).count == indented else { return nil }
            return Array(words.prefix { !["|", ">", "&", "&&", "#", "2>"].contains($0) })
        }
    }

    /// Each names a command that is there, and only options that its help lists.
    func check() throws {
        for words in lines {
            let program = try #require(Self.programs[words[0]])
            let command = words.dropFirst().prefix { word in
                word.first != "-" && word.allSatisfy { $0.isLowercase || $0 == "-" }
            }
            // `edgepack sign FILE`: a lower-case argument may follow, so that the longest command that has help is taken.
            let found = (1...max(1, command.count)).reversed().lazy.compactMap { count -> String? in
                let result = try? Programs.run(program, command.prefix(count) + ["--help"])
                return result?.isSuccess == true ? result?.outputText : nil
            }.first
            let help = try #require(found, "no such command: \(words.joined(separator: " "))")
            for word in words where word.hasPrefix("-") && word != "-" {
                let option = String(word.prefix { $0 != "=" })
                let isListed = help.split { " ,\n".contains($0) }.contains { $0 == option }
                #expect(isListed, "\(words.joined(separator: " ")): \(option) is not in the help")
            }
        }
    }
}
