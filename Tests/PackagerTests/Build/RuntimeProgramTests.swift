import Diagnostics
import FileSystem
import JSON
import Processes
import Testing

@testable import Packager

/// A shell script in edgeruntime's place.
private func runtime(_ script: String, in folder: TemporaryProject) throws -> RuntimeProgram {
    try folder.write("#!/bin/sh\n\(script)\n", to: "script", mode: 0o755)
    // Written by another process: what this one has open for writing, a child that another test starts at this moment
    // has too, and then the kernel starts no program from it.
    _ = try Processes.run(
        "/bin/cp",
        arguments: ["\(folder.path)/script", "\(folder.path)/edgeruntime"],
        environment: [:],
        outputLimitBytes: 1024,
        deadline: .seconds(60)
    )
    return try RuntimeProgram.find(option: "\(folder.path)/edgeruntime", python: nil, environment: ["PATH": "/bin"])
}

@Suite struct RuntimeProgramTests {
    private static let result = """
        {"passed": false, "samples": 2, "failed": 1,
         "failures": [{"sample": "one", "problems": ["status 500: /t/tree/app/score.py raised"]}]}
        """

    @Test func tellsWhatACheckFoundWithTheNameThatTheUserGave() throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        let program = try runtime("cat <<'END'\n\(Self.result)\nEND\nexit 10", in: folder)
        let result = try program.check("/t/tree", shownAs: "a.bundle.tar.zst")
        #expect(!result.passed && result.samples == 2 && result.failed == 1)
        #expect(result.failures.map(\.sample) == ["one"])
        #expect(result.failures.first?.problems == ["status 500: a.bundle.tar.zst/app/score.py raised"])
    }

    @Test func keepsTheRuntimesOwnWordsAndExitCode() throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        let program = try runtime("echo \"error: $2/model can't be loaded\" >&2; exit 14", in: folder)
        let error = #expect(throws: RuntimeProgramError.self) { try program.check("/t/tree", shownAs: "p") }
        #expect(error?.message.hasSuffix("error: p/model can't be loaded") == true)
        #expect(error?.exitCode == .modelNotLoaded)
    }

    @Test(arguments: ["true", "echo '[]'", "echo '{\"passed\": true}'"])
    func namesAProgramThatIsNoEdgeruntime(script: String) throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        let program = try runtime(script, in: folder)
        let error = #expect(throws: RuntimeProgramError.self) { try program.check("t", shownAs: "t") }
        #expect(error?.message.hasPrefix("\(folder.path)/edgeruntime does not answer as edgeruntime does") == true)
        #expect(error?.exitCode == .unavailable)
    }
}

@Suite struct SampleRecorderTests {
    private static let yaml = "name: a\nmodel: {path: m.onnx}\nsamples: {path: samples}\nexclude: [draft.json]\n"

    /// Answers with what it was asked, and refuses a request that says so.
    private static let echo = """
        body=$(cat)
        case "$body" in *refuse*) echo 'error: no' >&2; exit 65;; esac
        echo "$body"
        """

    private func record(
        _ samples: [String: String],
        _ body: (TemporaryProject, () throws -> [String]) throws -> Void
    ) throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        try folder.write(Self.yaml, to: "bundle.yaml")
        for (name, text) in samples { try folder.write(text, to: "samples/\(name)") }
        let recorder = SampleRecorder(try runtime(Self.echo, in: folder))
        let project = try Project.read(folder.path)
        try body(folder) { try recorder.record(project, tree: "t").map { FileSystem.name(of: $0) } }
    }

    @Test func writesAnswersBesideTheirRequestsAndKeepsTheRest() throws {
        let samples = [
            "1.json": #"{"note": "mine", "request": {"x": 1}}"#, "2.json": #"{"request": 2, "response": 2}"#,
            "3.json": #"{"request": {"inputs": [], "outputs": [7], "id": "i"}}"#, "draft.json": "not yet",
        ]
        try record(samples) { folder, record in
            #expect(try record() == ["1.json", "3.json"])
            let first = try JSONValue.parse(Array(folder.text("samples/1.json").utf8), limits: .document)
            #expect(first == ["note": "mine", "request": ["x": 1], "response": ["x": 1]])
            // Of an answer in Open Inference form only the outputs.
            let third = try JSONValue.parse(Array(folder.text("samples/3.json").utf8), limits: .document)
            #expect(third["response"] == ["outputs": [7]])
            #expect(try record() == [])
        }
    }

    @Test func writesNothingUnlessAllCouldBeAnswered() throws {
        let samples = ["1.json": #"{"request": 1}"#, "2.json": #"{"request": "refuse"}"#]
        try record(samples) { folder, record in
            let error = #expect(throws: SampleError.self) { _ = try record() }
            #expect(error?.message == "\(folder.path)/samples/2.json can't be answered:\nerror: no")
            #expect(error?.exitCode == .dataError)
            let first = try folder.text("samples/1.json")
            #expect(first == #"{"request": 1}"#)
        }
    }
}
