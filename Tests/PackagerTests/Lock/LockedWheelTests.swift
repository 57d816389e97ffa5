import BundleManifest
import Diagnostics
import Digest
import Testing

@testable import Packager

@Suite struct LockedWheelTests {
    struct Tags: CustomTestStringConvertible, Sendable {
        let tags: [String]
        let glibc: GlibcVersion?
        init(_ tags: [String], _ glibc: GlibcVersion?) {
            self.tags = tags
            self.glibc = glibc
        }
        var testDescription: String { tags.joined(separator: " ") }
    }

    @Test(arguments: [
        Tags(["py3-none-any"], nil), Tags(["py2-none-any", "py3-none-any"], nil),
        Tags(["cp311-cp311-manylinux_2_28_x86_64"], GlibcVersion(2, 28)),
        Tags(["cp311-cp311-manylinux_2_27_x86_64", "cp311-cp311-manylinux_2_28_x86_64"], GlibcVersion(2, 27)),
        Tags(["cp310-abi3-manylinux2014_x86_64"], GlibcVersion(2, 17)),
        Tags(["cp310-abi3-manylinux2010_x86_64"], GlibcVersion(2, 12)),
        Tags(["cp310-abi3-manylinux1_x86_64"], GlibcVersion(2, 5)),
        Tags(["cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"], GlibcVersion(2, 17)),
        Tags(["cp311-cp311-musllinux_1_2_x86_64", "cp311-cp311-manylinux_2_31_x86_64"], GlibcVersion(2, 31)),
        Tags(["cp311-cp311-manylinux_2_17_aarch64", "cp311-cp311-manylinux_2_31_x86_64"], GlibcVersion(2, 31)),
    ])
    func saysWhichGlibcItNeeds(_ example: Tags) throws {
        #expect(try LockedWheel.glibc(tags: example.tags, architecture: .amd64, wheel: "w") == example.glibc)
    }

    @Test(arguments: [
        ["cp311-cp311-linux_x86_64"], ["cp311-cp311-manylinux_2_28_aarch64"], ["cp311-cp311-musllinux_1_2_x86_64"],
        ["cp311-cp311-manylinux_x_y_x86_64"], ["nonsense"],
    ])
    func refusesToGuess(_ tags: [String]) {
        let error = #expect(throws: WheelError.self) {
            try LockedWheel.glibc(tags: tags, architecture: .amd64, wheel: "w 1")
        }
        #expect(error?.message.hasPrefix("w 1 does not say which glibc it needs on x86_64: ") == true)
        #expect(error?.exitCode == .incompatible)
    }

    @Test func readsItsMetadata() throws {
        let wheel = try LockedWheel(
            metadata: "Metadata-Version: 2.1\nName: NumPy\nVersion: 2.4.6\n\nName: not this\n",
            wheel: "Wheel-Version: 1.0\r\nTag: py3-none-any\r\n",
            architecture: .amd64,
            folder: "f"
        )
        #expect(wheel == LockedWheel(name: "NumPy", version: "2.4.6", glibc: nil))
        let error = #expect(throws: WheelError.self) {
            try LockedWheel(metadata: "Name: a\n", wheel: "", architecture: .amd64, folder: "a.dist-info")
        }
        #expect(error == .noMetadata(folder: "a.dist-info"))
    }

    @Test func needsTheNewestThatAnyOfItsWheelsNeeds() {
        func wheel(_ glibc: GlibcVersion?) -> LockedWheel { LockedWheel(name: "w", version: "1", glibc: glibc) }
        func environment(_ wheels: [LockedWheel]) -> GlibcVersion {
            LockedEnvironment(path: "p", python: nil, wheels: wheels, digest: SHA256.digest([UInt8]())).glibc
        }
        #expect(
            environment([wheel(nil), wheel(GlibcVersion(2, 28)), wheel(GlibcVersion(2, 27))]) == GlibcVersion(2, 28)
        )
        #expect(environment([wheel(nil)]) == GlibcVersion(2, 17))
        #expect(environment([wheel(GlibcVersion(2, 5))]) == GlibcVersion(2, 17))
    }
}

@Suite struct LockedWheelRecordTests {
    private static let there: Set<String> = [
        "a.py", "b,c.py", "d\"e.py", "n.dist-info/METADATA", "n.dist-info/RECORD", "Z.py",
    ]

    @Test func isAFunctionOfWhatIsThere() throws {
        let text = """
            n.dist-info/RECORD,,
            d""e.py,sha256=x,1
            "b,c.py",sha256=y,2
            n.dist-info/METADATA,sha256=m,3
            bin/tool,sha256=t,4
            ../../etc/passwd,sha256=p,5
            a.py,sha256=a,6
            a.py,sha256=again,6
            Z.py,,
            n.dist-info/INSTALLER,sha256=i,2

            """
            .replacing("d\"\"e.py", with: "\"d\"\"e.py\"")
        let record = try LockedWheelRecord(text, folder: "n.dist-info", isThere: Self.there.contains)
        let expected = """
            Z.py,,
            a.py,sha256=a,6
            "b,c.py",sha256=y,2
            "d""e.py",sha256=x,1
            n.dist-info/METADATA,sha256=m,3
            n.dist-info/RECORD,,

            """
        #expect(record.text == expected)
        let lines = expected.split(separator: "\n").shuffled().joined(separator: "\r\n")
        #expect(try LockedWheelRecord(lines, folder: "n.dist-info", isThere: Self.there.contains).text == expected)
    }

    @Test(arguments: ["a.py,sha256=a\n", "a.py\n", "\"a.py,sha256=a,1\n", "a,b,c,d\n"])
    func refusesALine(_ line: String) {
        let error = #expect(throws: WheelError.self) {
            try LockedWheelRecord("\n" + line, folder: "f", isThere: { _ in true })
        }
        #expect(error == .malformedRecord(folder: "f", line: 2))
    }
}
