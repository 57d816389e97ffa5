import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// `edgeruntime check` with labelled data: how good a model is, on the machine that is to serve it.
@Suite(.programs, .oneByOne) struct AcceptanceTests {
    private static let data = "\(Programs.repository)/examples/digits/acceptance.jsonl"
    private static let labels = ["--data", data, "--metric", "accuracy", "--output", "label"]

    private func check(_ tree: String, _ arguments: [String], in folder: String? = nil) throws -> ProcessResult {
        try Programs.run(Programs.edgeruntime, ["check", tree] + arguments, in: folder)
    }

    /// A copy of the example's data as /score takes it.
    private func dataForScript() throws -> String {
        let bytes = try FileSystem.read(Self.data, limit: 1 << 20)
        return try String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { line in
            let record = try JSONValue.parse(Array(line.utf8), limits: .document)
            let image = try #require(record["inputs"]?[0]?["data"])
            let request: JSONValue = ["data": [image]]
            let other: JSONValue = ["inputs": request, "label": record["label"] ?? .null]
            return String(decoding: other.compactBytes(), as: UTF8.self) + "\n"
        }.joined()
    }

    /// The last lines of a record, by name.
    private func figures(_ result: ProcessResult) -> [String: String] {
        var figures: [String: String] = [:]
        for line in result.outputText.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { figures[String(words[0])] = String(words[1]) }
        }
        return figures
    }

    @Test func theFigureIsThatOfTheGoodModel() throws {
        let result = try check(try Example.native.get().tree, Self.labels + ["--record"])
        #expect(result.isSuccess, "\(result.errorText)")
        let figures = figures(result)
        #expect(figures["edge-check"] == "1" && figures["passed"] == "1")
        #expect(figures["acceptance_metric"] == "accuracy" && figures["acceptance_records"] == "150")
        #expect(figures["acceptance_value"].flatMap(Double.init) == 148.0 / 150)
    }

    @Test func aWorseModelPassesItsSamplesAndIsFoundOut() throws {
        let scratch = try Scratch()
        try Programs.pack(
            "build",
            "\(Programs.repository)/examples/digits-worse",
            "-o",
            scratch("dist"),
            "--device",
            Architecture.here == .x86 ? "generic-x86_64" : "generic-aarch64"
        )
        let file = try #require(FileSystem.names(in: scratch("dist")).first)
        try Programs.pack("extract", scratch("dist/\(file)"), scratch("tree"))
        let result = try check(scratch("tree"), Self.labels + ["--record"])
        #expect(result.isSuccess, "\(result.outputText)\(result.errorText)")
        #expect(figures(result)["acceptance_value"].flatMap(Double.init).map { $0 < 0.7 } == true)
    }

    @Test func aScriptIsMeasuredToo() throws {
        let scratch = try Scratch()
        try scratch.write(try dataForScript(), to: "data.jsonl")
        let result = try check(
            try Example.script.get().tree,
            ["--data", "data.jsonl", "--metric", "f1", "--output", "label", "--json"],
            in: scratch.path
        )
        #expect(result.isSuccess, "\(result.errorText)")
        let found = try JSONValue.parse(result.standardOutput, limits: .document)["acceptance"]
        #expect(found?["records"]?.integerValue == 150)
        #expect(found?["value"]?.doubleValue.map { $0 > 0.98 && $0 < 1 } == true)
    }

    @Test func theDocumentOfAnEndpointSaysWhatIsMeasured() throws {
        let scratch = try Scratch()
        _ = try scratch.folder("acceptance/digits")
        let digest = String(repeating: "0", count: 64)
        func document(_ metric: String, requires: String = "") -> String {
            #"{"bar":{"absolute":0.9},"data":{"bytes":1,"sha256":"\#(digest)"},"endpoint":"digits","metric":\#(metric),"#
                + #""output":"label","records":150,"requires":[\#(requires)],"schema":1,"version":1}"#
        }
        let path = "acceptance/digits/1.json"
        try scratch.write(document(#"{"name":"accuracy"}"#), to: path)
        let tree = try Example.native.get().tree
        let arguments = ["--data", Self.data, "--record", "--acceptance", path]
        let result = try check(tree, arguments, in: scratch.path)
        #expect(result.isSuccess, "\(result.errorText)")
        #expect(figures(result)["acceptance_value"].flatMap(Double.init) == 148.0 / 150)

        try scratch.write(
            document(#"{"moreIsBetter":true,"name":"metrics.weighted"}"#, requires: #""metric.function""#),
            to: path
        )
        let function = try check(tree, arguments, in: scratch.path)
        #expect(function.status == .exited(12), "\(function.errorText)")
        #expect(function.errorText.contains("metrics.weighted"))

        try scratch.write(document(#"{"name":"accuracy"}"#), to: "elsewhere.json")
        let elsewhere = try check(tree, ["--data", Self.data, "--acceptance", "elsewhere.json"], in: scratch.path)
        #expect(elsewhere.status == .exited(64), "\(elsewhere.errorText)")
    }

    @Test func aRecordThatCanNotBeCountedIsNamedByItsLine() throws {
        let scratch = try Scratch()
        let lines = String(decoding: try FileSystem.read(Self.data, limit: 1 << 20), as: UTF8.self)
            .split(separator: "\n").prefix(3).map(String.init)
        let bad: [(line: String, code: Int32, says: String)] = [
            ("{", 65, "data.jsonl, line 2: "),
            (#"{"inputs": []}"#, 65, "it needs the members"),
            (#"{"inputs": [], "label": 1}"#, 65, "line 2: the model answered with 400"),
            (
                lines[1].replacing(#""label":"#, with: #""label":[1,2],"other":"#), 65,
                "1 values were answered to 2 labels"
            ),
        ]
        let tree = try Example.native.get().tree
        for (line, code, says) in bad {
            try scratch.write([lines[0], line, lines[2]].joined(separator: "\n"), to: "data.jsonl")
            let result = try check(
                tree,
                ["--data", "data.jsonl", "--metric", "accuracy", "--output", "label", "--record"],
                in: scratch.path
            )
            #expect(result.status == .exited(code), "\(result.errorText)")
            #expect(result.errorText.contains(says), "\(result.errorText)")
            // What the samples came to is said all the same.
            #expect(figures(result)["passed"] == "1" && figures(result)["acceptance_value"] == nil)
        }
        try scratch.write("\n\n", to: "data.jsonl")
        let empty = try check(tree, ["--data", "data.jsonl", "--metric", "mae", "--output", "label"], in: scratch.path)
        #expect(empty.status == .exited(65) && empty.errorText.contains("there is no record"))
    }

    @Test(
        arguments: [
            ["--data", data], ["--metric", "accuracy"], ["--acceptance", "a.json"], ["--output", "label"],
            ["--data", data, "--metric", "acuracy"], ["--record", "--json"],
            ["--data", data, "--metric", "f1", "--acceptance", "acceptance/e/1.json"],
        ]
    )
    func optionsThatDoNotGoTogetherAreAUsageError(arguments: [String]) throws {
        let result = try check(try Example.native.get().tree, arguments)
        #expect(result.status == .exited(64), "\(result.errorText)")
    }
}
