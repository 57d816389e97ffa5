import Diagnostics
import FileSystem
import Testing

@testable import Packager

@Suite struct RequirementsTests {
    private static func read(_ files: [String: String]) throws -> Requirements {
        try Requirements.read("p/in.txt") { path in
            guard let text = files[path] else { throw FileError.changed(path: path) }
            return Array(text.utf8)
        }
    }

    @Test func keepsWhatIsAskedForAndNothingElse() throws {
        let text = """
            # the newest

              numpy >=2,<3   # fast
            onnxruntime==1.31.1 ; python_version >= "3.11" and platform_machine != "a/b@c"
            pandas[all]~=2.2, \\
                !=2.2.1
            scikit-learn#not-a-comment
            """
        let expected = [
            "numpy >=2,<3", "onnxruntime==1.31.1 ; python_version >= \"3.11\" and platform_machine != \"a/b@c\"",
            "pandas[all]~=2.2, !=2.2.1", "scikit-learn#not-a-comment",
        ]
        #expect(try Self.read(["p/in.txt": text]) == Requirements(lines: expected))
        #expect(try Self.read(["p/in.txt": "numpy\r\nabc\r\n\\\n"]) == Requirements(lines: ["numpy", "abc"]))
    }

    @Test func followsIncludedFilesFromWhereTheyAreNamed() throws {
        let files = [
            "p/in.txt": "-r base/a.txt\n--constraint=pins.txt\nlast\n",
            "p/base/a.txt": "first\n-r b.txt\n-r ../in.txt\n", "p/base/b.txt": "second\n",
            "p/pins.txt": "numpy<3\n-r more.txt\n", "p/more.txt": "protobuf<8\n", "p/base/../in.txt": "again\n",
        ]
        let expected = Requirements(
            lines: ["first", "second", "again", "last"],
            constraints: ["numpy<3", "protobuf<8"]
        )
        #expect(try Self.read(files) == expected)
    }

    @Test func endsOnAFileThatIncludesItself() throws {
        #expect(try Self.read(["p/in.txt": "-r in.txt\nnumpy\n", "p/p/in.txt": ""]).lines == ["numpy"])
        let error = #expect(throws: RequirementsError.self) {
            // Each file names one more: a name that held the whole path would double its length each time.
            try Requirements.read("0") { path in Array("-r \(path.split(separator: "/").last ?? "")0\n".utf8) }
        }
        #expect(error?.message.hasSuffix(": more than 32 files are included") == true)
    }

    @Test(arguments: [
        ("--index-url https://example.org", "'--index-url' is no matter of a project; only -r and -c are read"),
        ("-i https://example.org", "'-i' is no matter of a project; only -r and -c are read"),
        ("--find-links=x", "'--find-links' is no matter of a project; only -r and -c are read"),
        ("-e .", "'-e' is no matter of a project; only -r and -c are read"),
        ("--pre", "'--pre' is no matter of a project; only -r and -c are read"),
        (
            "numpy @ https://example.org/n.whl",
            "'numpy @ https://example.org/n.whl' names a place; only packages of an index have hashes for every platform"
        ),
        ("./n.whl", "'./n.whl' does not start with a package's name"),
        ("wheels/n", "'wheels/n' names a file; only packages of an index have hashes for every platform"),
        ("n.whl", "'n.whl' names a file; only packages of an index have hashes for every platform"),
        ("numpy --hash=sha256:00", "options of a single requirement are not read"),
        ("-r https://example.org/r.txt", "names no file"),
    ])
    func refuses(line: String, reason: String) {
        let error = #expect(throws: RequirementsError.self) { try Self.read(["p/in.txt": "\n\(line)\n"]) }
        #expect(error?.message == "p/in.txt:2: \(reason)")
        #expect(error?.exitCode == .configuration)
        let isAboutTheIndex = reason.contains("no matter of a project")
        #expect((error?.hint?.contains("UV_DEFAULT_INDEX") == true) == isAboutTheIndex)
    }
}
