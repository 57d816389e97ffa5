import FileSystem
import JSON
import Processes
import Testing

/// The commands that answer samples: `edgepack test`, `edgeruntime check` and `edgeruntime score`.
@Suite(.programs, .oneByOne) struct SampleCommandTests {
    @Test(arguments: ["digits", "digits-script"])
    func testAnswersTheSamplesOfABundle(_ name: String) throws {
        let example = try (name == "digits" ? Example.native : Example.script).get()
        let samples = try FileSystem.names(in: "\(example.project)/samples").count
        for path in [example.signed, example.tree] {
            let output = try Programs.pack("test", path)
            #expect(output == "passed: \(samples) of \(samples) samples answered as expected\n")
        }
    }

    @Test func testBuildsAProjectAndLeavesNothingBehind() throws {
        let scratch = try Scratch()
        try scratch.copy("\(Programs.repository)/examples/digits", as: "p")
        var environment = Programs.environment
        environment["TMPDIR"] = try scratch.folder("temporary")
        let before = try scratch.listing()
        let result = try Programs.run(
            Programs.edgepack,
            ["test", "--json", "p"],
            in: scratch.path,
            environment: environment
        )
        #expect(result.isSuccess, "\(result.errorText)")
        let report = try JSONValue.parse(result.standardOutput, limits: .document)
        #expect(report["passed"] == true)
        #expect(try scratch.listing() == before)
    }

    @Test func testSaysWhichSampleFailsAndHow() throws {
        let scratch = try Scratch()
        try scratch.copy("\(Programs.repository)/examples/digits", as: "p")
        try scratch.copy(scratch("p/samples/digit-3.json"), as: "p/samples/digit-1.json")
        try scratch.edit(
            "p/samples/digit-1.json",
            replacing: "\"data\": [\n      3\n",
            with: "\"data\": [\n      5\n"
        )
        let result = try Programs.run(Programs.edgepack, ["test", "p"], in: scratch.path)
        #expect(result.status == .exited(10))
        #expect(result.outputText.contains("digit-1: label: class 3 in row 0, expected 5\n"), "\(result.outputText)")
        #expect(result.outputText.contains("failed: 19 of 20 samples answered as expected\n"))
    }

    @Test func recordComputesWhatTheExamplesHold() throws {
        let scratch = try Scratch()
        try scratch.copy("\(Programs.repository)/examples/digits", as: "p")
        let ones = Array(repeating: "1", count: 64).joined(separator: ", ")
        let input = #"{"name": "X", "shape": [1, 64], "datatype": "FP32", "data": [\#(ones)]}"#
        let request = #"{"request": {"inputs": [\#(input)]}}"#
        try scratch.write(request, to: "p/samples/new.json")
        let recorded = try Programs.pack("test", "--record", "p", in: scratch.path)
        #expect(recorded == "p/samples/new.json\n", "the answers of the others are those that the project has")
        let sample = try JSONValue.parse(
            FileSystem.read(scratch("p/samples/new.json"), limit: 1 << 20),
            limits: .document
        )
        #expect(
            sample["response"]?["outputs"]?.arrayValue?.map { $0["name"]?.stringValue } == ["label", "probabilities"]
        )
        #expect(try Programs.pack("test", "p", in: scratch.path).hasPrefix("passed: 21 of 21 "))
        #expect(try Programs.pack("test", "--record", "p", in: scratch.path).isEmpty, "a second time changes nothing")
    }

    @Test func recordChangesNothingWhereOneRequestFails() throws {
        let scratch = try Scratch()
        try scratch.copy("\(Programs.repository)/examples/digits", as: "p")
        try scratch.write(#"{"request": {"inputs": []}}"#, to: "p/samples/aaa.json")
        try scratch.write(#"{"request": 7}"#, to: "p/samples/zzz.json")
        let before = try scratch.listing()
        let result = try Programs.run(Programs.edgepack, ["test", "--record", "p"], in: scratch.path)
        #expect(result.status == .exited(65), "\(result.status)")
        #expect(result.errorText.contains("p/samples/aaa.json"), "\(result.errorText)")
        #expect(try scratch.listing() == before)
    }

    @Test(arguments: ["digits", "digits-script"])
    func checkWritesFiguresAsJSONAndAsARecord(_ name: String) throws {
        let example = try (name == "digits" ? Example.native : Example.script).get()
        let output = try Programs.succeed(Programs.edgeruntime, ["check", example.tree, "--json"])
        let result = try JSONValue.parse(Array(output.utf8), limits: .document)
        let samples = try FileSystem.names(in: "\(example.project)/samples").count
        #expect(result["passed"] == true)
        #expect(result["samples"]?.integerValue == Int64(samples))
        #expect(result["failed"]?.integerValue == 0)

        let record = try Programs.succeed(Programs.edgeruntime, ["check", example.tree, "--record"])
        let lines = record.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(
            lines.map { $0[0] } == [
                "edge-check", "digest", "passed", "samples", "failed", "start_us", "p50_us", "p99_us", "max_us",
                "peak_bytes",
            ]
        )
        #expect(lines.allSatisfy { $0.count == 2 })
        #expect(lines[0][1] == "1" && lines[2][1] == "1" && lines[3][1] == String(samples) && lines[4][1] == "0")
        #expect(lines[1][1] == result["digest"]?.stringValue)
        #expect(lines[5...].allSatisfy { Int($0[1]).map { $0 > 0 } == true })
    }

    @Test func checkRecordsAFailureToo() throws {
        let scratch = try Scratch()
        try scratch.copy(Example.native.get().tree, as: "t")
        try scratch.copy(scratch("t/samples/digit-3.json"), as: "t/samples/blank.json")
        try scratch.edit(
            "t/samples/blank.json",
            replacing: "\"data\": [\n      3\n",
            with: "\"data\": [\n      5\n"
        )
        let result = try Programs.run(
            Programs.edgeruntime,
            ["check", "t", "--json"],
            in: scratch.path
        )
        #expect(result.status == .exited(10))
        let failures = try JSONValue.parse(result.standardOutput, limits: .document)["failures"]?.arrayValue
        #expect(failures?.map { $0["sample"]?.stringValue } == ["blank"])
        let recorded = try Programs.run(Programs.edgeruntime, ["check", "t", "--record"], in: scratch.path)
        #expect(recorded.status == .exited(10))
        let record = recorded.outputText
        #expect(record.contains("\npassed 0\n") && record.contains("\nfailed 1\n"))
    }

    @Test func scoreAnswersFromAFileAndFromStandardInput() throws {
        let example = try Example.native.get()
        let request = "\(example.project)/requests/seven.json"
        let fromFile = try Programs.run(Programs.edgeruntime, ["score", example.tree, request])
        let body = try example.request("seven")
        let fromInput = try Programs.run(Programs.edgeruntime, ["score", example.tree], input: body)
        #expect(fromFile.isSuccess && fromFile.standardOutput == fromInput.standardOutput, "\(fromFile.errorText)")
        let answer = try JSONValue.parse(fromFile.standardOutput, limits: .document)
        let label = answer["outputs"]?.arrayValue?.first { $0["name"] == "label" }
        #expect(label?["data"] == [7])
        #expect(fromFile.outputText.hasSuffix("}\n"))
    }

    @Test func scoreAnswersAScript() throws {
        let example = try Example.script.get()
        let request = "\(example.project)/requests/seven.json"
        let output = try Programs.succeed(Programs.edgeruntime, ["score", example.tree, request])
        #expect(try JSONValue.parse(Array(output.utf8), limits: .document)["label"] == [7])
    }
}
