import FileSystem
import Processes
import Testing

/// Files that are no bundle, or not the one that they should be: nothing is accepted, nothing half done is left.
@Suite(.programs, .oneByOne) struct BadBundleTests {
    /// A way to spoil a signed bundle, and what is said of it.
    private struct Damage: Sendable {
        let input: String
        let says: [String]
        let spoil: @Sendable (Scratch) throws -> Void

        init(_ input: String, says: String..., spoil: @escaping @Sendable (Scratch) throws -> Void) {
            self.input = input
            self.says = says
            self.spoil = spoil
        }
    }

    private static func cut(_ scratch: Scratch, to size: (Int) -> Int) throws {
        let bytes = try FileSystem.read(Example.native.get().signed, limit: 1 << 30)
        try FileSystem.write(Array(bytes[..<size(bytes.count)]), to: scratch("b"))
    }

    private static func flip(_ scratch: Scratch, at place: (Int) -> Int) throws {
        try cut(scratch) { $0 }
        let size = try FileSystem.status(of: scratch("b"))?.size ?? 0
        try scratch.flip("b", at: place(size))
    }

    private static let damages = [
        Damage("a byte flipped in the middle", says: "b is damaged or was changed: env/lib/", "hint: copy") {
            try flip($0) { $0 / 2 }
        },
        Damage("a byte flipped at the start", says: "b is ") { try flip($0) { _ in 20 } },
        Damage("half the file", says: "b is truncated: it ends at byte", "hint: copy or download it again") {
            try cut($0) { $0 / 2 }
        },
        Damage("the last byte missing", says: "b is truncated") { try cut($0) { $0 - 1 } },
        Damage("the first kilobyte", says: "b is truncated") { try cut($0) { _ in 1024 } },
        Damage("an empty file", says: "b is empty") { try $0.write("", to: "b") },
        Damage("a text file", says: "b is not a bundle: byte 0: it is no zstd archive") {
            try $0.write(String(repeating: "not a bundle\n", count: 1000), to: "b")
        },
        Damage("another tar.zst", says: "b is not a bundle: byte 0: expected MANIFEST.json") {
            try $0.write("hello", to: "hello.txt")
            try Programs.succeed("/bin/tar", ["--zstd", "-C", $0.path, "-cf", $0("b"), "hello.txt"])
        },
        Damage("something behind the end", says: "b is ") { scratch in
            try cut(scratch) { $0 }
            let bytes = try FileSystem.read(scratch("b"), limit: 1 << 30)
            try FileSystem.write(bytes + Array("more".utf8), to: scratch("b"))
        },
    ]

    private static let commands = [
        "edgepack verify b", "edgepack verify b --key \(key("key.pub"))", "edgepack extract b tree",
        "edgepack sign --key \(key("key.pem")) b", "edgepack test b",
    ]

    private static func key(_ name: String) -> String {
        (try? Keys.shared.get()).map { "\($0.folder)/\(name)" } ?? name
    }

    /// Every reader of a whole file refuses every damage.
    @Test(arguments: Programs.areThere ? commands : [], damages.indices)
    func isRefused(_ command: String, _ index: Int) throws {
        let damage = Self.damages[index]
        try Refusal(
            input: damage.input,
            command: command,
            exitCode: 65,
            says: damage.says,
            doesNotSay: [".tmp"],
            arrange: damage.spoil
        ).check()
    }

    @Test(
        arguments: !Programs.areThere
            ? []
            : [
                Refusal(
                    input: "a bundle that another key signed",
                    command: "edgepack verify b --key \(key("other.pub"))",
                    exitCode: 11,
                    says: ["b is not signed by this key: it carries 1 signature by others", "hint: "]
                ) { try $0.copy(Example.native.get().signed, as: "b") },
                Refusal(
                    input: "a bundle that nobody signed",
                    command: "edgepack verify b --key \(key("key.pub"))",
                    exitCode: 11,
                    says: ["b carries no signature", "hint: sign it with: edgepack sign"]
                ) { try $0.copy(Example.native.get().bundle, as: "b") },
                Refusal(
                    input: "an export from a bundle that nobody signed",
                    command: "edgepack signature export b -o model.sig",
                    exitCode: 11,
                    says: ["b carries no signature"]
                ) { try $0.copy(Example.native.get().bundle, as: "b") },
                Refusal(
                    input: "a private key where the public one belongs",
                    command: "edgepack verify b --key \(key("key.pem"))",
                    exitCode: 65,
                    says: ["is a private key where a public key is expected", "hint: "]
                ) { try $0.copy(Example.native.get().signed, as: "b") },
                Refusal(
                    input: "a public key where the private one belongs",
                    command: "edgepack sign --key \(key("key.pub")) b",
                    exitCode: 65,
                    says: ["where a private key is expected"]
                ) { try $0.copy(Example.native.get().bundle, as: "b") },
                Refusal(
                    input: "no such bundle",
                    command: "edgepack extract b tree",
                    exitCode: 66,
                    says: ["can't open b: no such file or directory"]
                ),
                Refusal(
                    input: "a folder with something in it",
                    command: "edgepack extract b tree",
                    exitCode: 73,
                    says: ["tree is there already and is not an empty folder", "hint: "]
                ) {
                    try $0.copy(Example.native.get().bundle, as: "b")
                    try $0.write("mine", to: "tree/mine.txt")
                },
                Refusal(
                    input: "a folder below one that is not there",
                    command: "edgepack extract b missing/tree",
                    exitCode: 73,
                    says: ["can't create the folder missing/tree: no such file or directory"]
                ) { try $0.copy(Example.native.get().bundle, as: "b") },
                Refusal(
                    input: "a bundle for another architecture, to be tested",
                    command: "edgepack test b",
                    exitCode: 12,
                    says: [
                        "is for linux-\(Architecture.other.rawValue)-glibc",
                        "this machine is \(Architecture.here.rawValue)",
                    ]
                ) { try $0.copy(Example.native.get().bundleForOther, as: "b") },
            ]
    )
    func isRefused(_ refusal: Refusal) throws { try refusal.check() }

    /// What is only looked into is not checked, but never taken for something else either.
    @Test(arguments: ["an empty file", "a text file", "another tar.zst", "half the file"])
    func inspectRefusesWhatIsNoBundle(_ input: String) throws {
        let damage = try #require(Self.damages.first { $0.input == input })
        try Refusal(input: input, command: "edgepack inspect b", exitCode: 65, says: ["b is "], arrange: damage.spoil)
            .check()
    }

    @Test func aSignatureThatFailsLeavesTheFileAsItWas() throws {
        let scratch = try Scratch()
        try Self.flip(scratch) { $0 / 2 }
        let before = try FileSystem.read(scratch("b"), limit: 1 << 30)
        let result = try Programs.run(Programs.edgepack, ["sign", "--key", Keys.shared.get().key, scratch("b")])
        #expect(result.status == .exited(65))
        #expect(try FileSystem.read(scratch("b"), limit: 1 << 30) == before)
    }

    @Test(arguments: ["inspect", "verify"])
    func aFullStandardOutputIsAnError(_ command: String) throws {
        let example = try Example.native.get()
        for options in ["", "--json"] {
            let result = try Programs.run(
                "/bin/sh",
                ["-c", "exec \"$0\" \(command) \"$1\" \(options) >/dev/full", Programs.edgepack, example.bundle]
            )
            #expect(result.status == .exited(74))
            #expect(result.errorText.contains("can't write to standard output"))
            #expect(try Help.exitCodes(Programs.edgepack, ["edgepack", command]).contains(74))
        }
    }

    @Test func aReaderThatLeavesIsNotTalkedTo() throws {
        let example = try Example.script.get()
        let result = try Programs.run(
            "/bin/bash",
            [
                "-c", "\"$0\" inspect \"$1\" --files | head -n1; echo ${PIPESTATUS[0]}", Programs.edgepack,
                example.bundle,
            ]
        )
        // Done before the reader had left, or what a shell reports for SIGPIPE.
        #expect(result.outputText.hasSuffix("\n0\n") || result.outputText.hasSuffix("\n141\n"), "\(result.outputText)")
        #expect(result.errorText.isEmpty)
    }
}
