import FileSystem
import Processes
import Testing

/// A disk that fills up on the way: told with its remedy, nothing left, and what was there before as it was.
@Suite(.programs, .oneByOne) struct FullDiskTests {
    /// What a command left on a small disk.
    private struct Outcome {
        let result: ProcessResult
        /// Names on the disk, hidden ones included.
        var names: [String] { lines.filter { !$0.contains("  ") } }
        /// `DIGEST  NAME` of the files on it.
        var digests: [String] { lines.filter { $0.contains("  ") } }
        private var lines: [String] {
            result.outputText.split(separator: "after:\n").last?.split(separator: "\n").map(String.init) ?? []
        }
    }

    /// Runs a command in a file system of `size` in memory, which is gone with the command; `file` is copied into it
    /// first. nil, with the reason printed, where no such file system can be mounted.
    private func run(_ command: [String], size: String, file: String? = nil) throws -> Outcome? {
        guard let unshare = Judge.find("unshare") else { return nil }
        let scratch = try Scratch()
        let script = """
            mount -t tmpfs -o size="$1" tmpfs "$2" || exit 125
            cd "$2" || exit 125
            [ -z "$3" ] || cp "$3" b || exit 125
            shift 3
            "$@"
            code=$?
            echo after:
            ls -A
            for file in *; do [ ! -f "$file" ] || sha256sum "$file"; done
            exit $code
            """
        // Only root may mount; others become root of a namespace of their own, where the kernel allows that.
        let rights = ["--mount", "--map-root-user"]
        let result = try Programs.run(
            unshare,
            rights + ["/bin/sh", "-c", script, "sh", size, try scratch.folder("disk"), file ?? ""] + command
        )
        guard result.status != .exited(125), result.status != .exited(1) || !result.errorText.contains("unshare") else {
            print("not judged: no file system can be mounted here: \(result.errorText)")
            return nil
        }
        return Outcome(result: result)
    }

    private func expectFull(_ outcome: Outcome, naming path: String) throws {
        #expect(outcome.result.status == .exited(74), "\(outcome.result.errorText)")
        #expect(outcome.result.errorText.contains("\(path): no space left on device"), "\(outcome.result.errorText)")
        #expect(outcome.result.errorText.contains("hint: free some space"))
        #expect(!outcome.result.errorText.contains(".tmp"), "\(outcome.result.errorText)")
    }

    @Test func buildLeavesNothing() throws {
        let example = try Example.native.get()
        let device = "generic-\(Architecture.here.rawValue)"
        let command = [Programs.edgepack, "build", example.project, "-o", ".", "--device", device]
        // 4 MiB end the data, 14 MiB the archive that the data is copied to.
        for size in ["4m", "14m"] {
            guard let outcome = try run(command, size: size) else { return }
            try expectFull(outcome, naming: FileSystem.name(of: example.bundle))
            #expect(outcome.names.isEmpty, "\(outcome.names)")
        }
        guard let outcome = try run(command, size: "64m") else { return }
        #expect(outcome.result.isSuccess, "the same command works where there is room: \(outcome.result.errorText)")
        #expect(outcome.names == [FileSystem.name(of: example.bundle)])
    }

    @Test func extractLeavesNothing() throws {
        let example = try Example.native.get()
        let command = [Programs.edgepack, "extract", example.signed, "tree"]
        guard let small = try run(command, size: "8m") else { return }
        #expect(small.result.status == .exited(74))
        #expect(small.result.errorText.contains("no room for tree: it needs 29."), "\(small.result.errorText)")
        #expect(small.result.errorText.contains("hint: free some space"))
        #expect(small.names.isEmpty, "\(small.names)")
        // Room for the bytes, but not for all the files: it ends on the way, in a file or in a folder.
        for files in 5...12 {
            guard let outcome = try run(command, size: "64m,nr_inodes=\(files)") else { return }
            #expect(outcome.result.errorText.contains("error: can't create "), "\(outcome.result.errorText)")
            #expect(outcome.result.errorText.contains(" tree/"), "\(outcome.result.errorText)")
            try expectFull(outcome, naming: "")
            #expect(outcome.names.isEmpty, "\(outcome.names)")
        }
    }

    @Test func signKeepsTheFileAsItWas() throws {
        let example = try Example.native.get()
        let command = [Programs.edgepack, "sign", "--key", try Keys.shared.get().key, "b"]
        guard let outcome = try run(command, size: "14m", file: example.bundle) else { return }
        try expectFull(outcome, naming: "b")
        #expect(outcome.names == ["b"])
        let digest = try Programs.succeed("/usr/bin/sha256sum", [example.bundle]).prefix(64)
        #expect(outcome.digests == ["\(digest)  b"])
    }

    @Test func exportLeavesNothing() throws {
        let example = try Example.native.get()
        let command = [Programs.edgepack, "signature", "export", example.signed, "-o", "model.sig"]
        // One page: the folder itself needs none on this file system.
        guard let outcome = try run(command, size: "4k") else { return }
        try expectFull(outcome, naming: "model.sig")
        #expect(outcome.names.isEmpty, "\(outcome.names)")
    }
}
