import FileSystem
import Processes
import Testing

/// A bundle is a plain tar.zst: what others take out of it is what `edgepack extract` does.
@Suite(.programs, .oneByOne) struct ExtractionTests {
    /// Somebody else's way to extract an archive into a folder.
    enum Extractor: String, CaseIterable {
        case tar, bsdtar, zstandard

        /// False, with the reason printed, where its program is missing.
        func extract(_ archive: String, to folder: String) throws -> Bool {
            switch self {
            case .zstandard:
                let result = try Judge.run("extract_zstandard.py", archive, folder)
                #expect(result.isSuccess, "\(result.errorText)")
            case .tar, .bsdtar:
                guard let program = Judge.find(rawValue) else { return false }
                let kind = self == .tar ? ["--zstd"] : []
                try Programs.succeed(program, kind + ["-xf", archive, "-C", folder])
            }
            return true
        }
    }

    @Test(arguments: Extractor.allCases, ["digits", "digits-script"])
    func givesTheTreeThatOthersGive(_ extractor: Extractor, _ name: String) throws {
        let example = try (name == "digits" ? Example.native : Example.script).get()
        // The appended signature is what a foreign reader could stumble over, so that both kinds have their turn.
        for archive in [example.bundle, example.signed] {
            let scratch = try Scratch()
            guard try extractor.extract(archive, to: scratch.folder("tree")) else { return }
            let comparison = try Judge.run("compare_trees.py", example.tree, scratch("tree"))
            #expect(comparison.isSuccess, "\(archive): \(comparison.outputText)\(comparison.errorText)")
        }
    }

    @Test func extractsAnUnsignedFileToTheSameTree() throws {
        let example = try Example.native.get()
        let scratch = try Scratch()
        try Programs.pack("extract", example.bundle, scratch("tree"), "--threads", "1")
        let comparison = try Judge.run("compare_trees.py", example.tree, scratch("tree"))
        #expect(comparison.isSuccess, "\(comparison.outputText)")
    }

    /// The judge has to be able to say no.
    @Test(arguments: ["bytes", "mode", "more", "less"])
    func theComparisonSeesADifference(_ difference: String) throws {
        let scratch = try Scratch()
        for side in ["a", "b"] { try scratch.write("text", to: "\(side)/folder/file") }
        #expect(try Judge.run("compare_trees.py", scratch("a"), scratch("b")).isSuccess)
        switch difference {
        case "bytes": try scratch.write("test", to: "b/folder/file")
        case "mode": try Programs.succeed("/bin/chmod", ["755", scratch("b/folder/file")])
        case "more": try scratch.write("", to: "b/other")
        default: try FileSystem.removeFile(scratch("b/folder/file"))
        }
        #expect(try !Judge.run("compare_trees.py", scratch("a"), scratch("b")).isSuccess)
    }

    @Test func takesTheSignatureOffAgain() throws {
        let example = try Example.native.get()
        let built = try FileSystem.read(example.bundle, limit: 1 << 30)
        let signed = try FileSystem.read(example.signed, limit: 1 << 30)
        #expect(signed.count > built.count)
        #expect(signed.starts(with: built))
    }
}
