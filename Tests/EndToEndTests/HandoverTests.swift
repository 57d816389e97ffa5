import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// What an agent does with runtimes: the judge `handover.py` is one, written from the protocol's description.
@Suite(.programs, .oneByOne) struct HandoverTests {
    /// The judge's report, where it was content.
    private func switchOver(
        _ trees: [String],
        path: String,
        request: String,
        _ arguments: String...
    ) throws -> JSONValue {
        let result = try Programs.run(
            Programs.python,
            ["\(Programs.judges)/handover.py", Programs.edgeruntime] + trees + ["--path", path, "--body", request]
                + arguments
        )
        try #require(result.isSuccess, "\(result.outputText)\(result.errorText)")
        return try JSONValue.parse(Array(result.outputText.utf8), limits: .document)
    }

    @Test func noRequestIsLostWhileModelsSucceedEachOther() throws {
        let example = try Example.native.get()
        let report = try switchOver(
            [example.tree],
            path: "/v2/models/digits/infer",
            request: "\(example.project)/requests/seven.json",
            "--switches",
            "15",
            "--rate",
            "200",
            "--fresh",
            "0.3"
        )
        #expect(report["failed"]?.integerValue == 0)
        #expect(report["switches"]?.integerValue == 15)
    }

    @Test func noRequestIsLostWhileScriptsSucceedEachOther() throws {
        let example = try Example.script.get()
        let report = try switchOver(
            [example.tree],
            path: "/score",
            request: "\(example.project)/requests/seven.json",
            "--switches",
            "4",
            "--rate",
            "60",
            "--fresh",
            "0.3"
        )
        #expect(report["failed"]?.integerValue == 0)
    }

    @Test func connectionsThatAreSeldomUsedAreKeptWhileARuntimeDrains() throws {
        let example = try Example.native.get()
        // Each connection is used every other second: far longer than anything is under way.
        let report = try switchOver(
            [example.tree],
            path: "/v2/models/digits/infer",
            request: "\(example.project)/requests/seven.json",
            "--switches",
            "1",
            "--rate",
            "3",
            "--connections",
            "6",
            "--fresh",
            "0",
            "--pause",
            "3"
        )
        #expect(report["failed"]?.integerValue == 0)
    }

    /// Starts a runtime whose control socket is a pair's end, or nothing at all.
    private func standBy(_ bundle: String, control: Int32?) throws -> ProcessResult {
        var arguments = [Programs.edgeruntime, "serve", bundle, "--control-fd", "3"]
        arguments = ["-c", control == nil ? "exec \"$@\" 3>&-" : "exec \"$@\" 3</dev/null", "sh"] + arguments
        return try Programs.run("/bin/sh", arguments)
    }

    @Test func whatIsNoControlSocketIsAUsageError() throws {
        let example = try Example.native.get()
        for control in [nil, 0] as [Int32?] {
            let result = try standBy(example.tree, control: control)
            #expect(result.status == .exited(64), "\(result.errorText)")
            #expect(result.errorText.contains("control socket"))
        }
        let both = try Programs.run(
            Programs.edgeruntime,
            ["serve", example.tree, "--control-fd", "3", "--port", "8080"]
        )
        #expect(both.status == .exited(64))
    }
}
