import FileSystem
import Processes
import Testing

/// `tufclient` killed at its system calls, and fed with the heaviest metadata that can be signed.
@Suite(.programs, .oneByOne, .serialized) struct ClientFaultTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// What a judge's lines say, by tabs; these take longer than other judges.
    private func lines(of script: String, _ arguments: [String]) throws -> [[Substring]] {
        let result = try Processes.run(
            Programs.python,
            arguments: ["\(Programs.judges)/\(script)"] + arguments,
            environment: Programs.environment,
            outputLimitBytes: 1 << 20,
            deadline: .seconds(600)
        )
        try #require(result.isSuccess, "\(result.outputText)\(result.errorText)")
        return result.outputText.split(separator: "\n").map { $0.split(separator: "\t") }
    }

    /// At every call that changes a file or the name of one: in between nothing can be seen from outside.
    @Test func killedAnywhereItsFilesAreTheOldOrTheNew() throws {
        guard Judge.find("strace") != nil else { return }
        // All its calls, some 1,600, take a quarter of an hour: `kill_client.py` without the third argument.
        let calls = "write,fsync,fchmod,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
        let kills = try lines(of: "kill_client.py", [Programs.tufclient, try scratch.folder("kills"), calls])
        #expect(kills.map { $0[0] } == ["init", "refresh", "download"])
        for kill in kills { #expect((Int(kill[1]) ?? 0) >= 8, "\(kill)") }
        print("tufclient: killed at \(kills.map { "\($0[1]) calls of \($0[0])" }.joined(separator: ", "))")
    }

    /// 64 MiB, whatever is signed. All shapes, with an optimised build: `heavy_metadata.py` without --quick.
    @Test func noSignedMetadataTakesMoreThanItsShareOfMemory() throws {
        let measured = try lines(of: "heavy_metadata.py", ["--quick", Programs.tufclient, try scratch.folder("heavy")])
        #expect(measured.count >= 7)
        for line in measured {
            #expect((Int(line[2]) ?? .max) < 64 << 10, "\(line)")
            // Nothing in the repository has that name, or the client has said what else is wrong.
            #expect(line[1] == "1" && line[4].hasPrefix("error: "), "\(line)")
        }
    }
}
