import FileSystem
import Testing

/// Projects that can't be packed: each says where, what and what to do, and leaves nothing behind.
@Suite(.programs, .oneByOne) struct BadProjectTests {
    private static let device = "generic-\(Architecture.here.rawValue)"

    /// A copy of examples/digits, changed, and built.
    private static func digits(
        _ input: String,
        _ exitCode: Int32,
        says: [String],
        options: String = "",
        change: @escaping @Sendable (Scratch) throws -> Void
    ) -> Refusal {
        Refusal(input: input, command: "edgepack build p -o out\(options)", exitCode: exitCode, says: says) { scratch in
            try scratch.copy("\(Programs.repository)/examples/digits", as: "p")
            try change(scratch)
        }
    }

    /// The same with a text of bundle.yaml replaced.
    private static func yaml(_ input: String, _ old: String, _ new: String, says: [String]) -> Refusal {
        digits(input, 78, says: says) { try $0.edit("p/bundle.yaml", replacing: old, with: new) }
    }

    @Test(arguments: [
        yaml(
            "a key that is misspelt",
            "devices:",
            "devcies:",
            says: ["p/bundle.yaml:20:1: unknown key \"devcies\"", "hint: did you mean \"devices\"?"]
        ),
        yaml(
            "a required key that is misspelt",
            "model:\n",
            "modle:\n",
            says: ["p/bundle.yaml:5:1: unknown key \"modle\"", "hint: did you mean \"model\"?"]
        ),
        yaml(
            "a key that is misspelt below another",
            "memory:",
            "memroy:",
            says: ["p/bundle.yaml:23:3: unknown key \"resources.memroy\"", "did you mean \"memory\"?"]
        ),
        yaml(
            "a key nobody knows",
            "devices:",
            "colour: red\ndevices:",
            says: ["p/bundle.yaml:20:1: unknown key \"colour\"", "known keys here: name, version, model"]
        ),
        yaml(
            "a list where a size belongs",
            "memory: 64MiB",
            "memory: [64]",
            says: ["p/bundle.yaml:23:11: resources.memory: expected a text, found a list"]
        ),
        yaml("a size without a unit we know", "64MiB", "64Mb", says: ["23:11: resources.memory: '64Mb' is not a size"]),
        yaml("a negative tolerance", "atol: 1.0e-4", "atol: -1", says: ["samples.atol: -1"]),
        yaml(
            "a bad version",
            "version: \"1\"",
            "version: one",
            says: ["3:10: version: 'one' is no version", "hint: "]
        ),
        yaml(
            "a bad name",
            "name: digits",
            "name: Digits!",
            says: ["2:7: name: 'Digits!' is no bundle name", "hint: "]
        ),
        yaml("a tab", "model:\n  path", "model:\n\tpath", says: ["p/bundle.yaml:6:1: ", "never with tabs"]),
        yaml("the same key twice", "devices:", "name: x\ndevices:", says: ["key \"name\" is there twice"]),
        yaml("an absolute path", "path: model", "path: /model", says: ["'/model/digits.onnx' is an absolute path"]),
        yaml("an unknown device", "[generic-x86_64,", "[generic-x86_65,", says: ["did you mean \"generic-x86_64\"?"]),
        digits("an unknown device on the command line", 78, says: ["unknown", "toaster"], options: " --device toaster")
        {
            _ in
        },
        digits("no bundle.yaml", 66, says: ["p is no project", "hint: `edgepack init`"]) {
            try FileSystem.removeFile($0("p/bundle.yaml"))
        },
        digits("no model", 66, says: ["p/bundle.yaml:6:9: model.path: p/model/digits.onnx does not exist", "hint: "]) {
            try FileSystem.removeFile($0("p/model/digits.onnx"))
        },
        digits("a model that is none", 65, says: ["p/model/digits.onnx is not a valid ONNX file", "hint: "]) {
            try $0.write("garbage\n", to: "p/model/digits.onnx")
        },
        digits("a truncated model", 65, says: ["p/model/digits.onnx is not a valid ONNX file"]) {
            try $0.write(String(repeating: "\u{8}", count: 3), to: "p/model/digits.onnx")
        },
        digits("an environment that is not locked", 13, says: ["is not locked", "hint: run `edgepack lock p`"]) {
            try FileSystem.removeTree($0("p/locks"))
        },
        digits("a stale lock", 13, says: ["p/locks/linux-", "is stale", "hint: run `edgepack lock p`"]) {
            try $0.edit("p/bundle.yaml", replacing: "1.31.1", with: "1.30.0")
        },
        digits("a damaged lock", 13, says: ["-nopy.txt:", "hint: remove the file"]) {
            for architecture in [Architecture.here, .other] {
                try $0.edit("p/locks/linux-\(architecture.rawValue)-nopy.txt", replacing: "--hash=", with: "--hush=")
            }
        },
        digits("no samples in the folder of samples", 78, says: ["bundle.yaml:14:9: samples.path: p/samples holds no"])
        {
            try FileSystem.removeTree($0("p/samples"))
            _ = try $0.folder("p/samples")
        },
        digits("a link among the samples", 65, says: ["p/samples/x.json is a symbolic link", "hint: "]) {
            try Programs.succeed("/bin/ln", ["-s", "/etc/hostname", $0("p/samples/x.json")])
        },
        digits("a FIFO among the samples", 65, says: ["p/samples/x.json is neither a file nor a folder"]) {
            try Programs.succeed("/usr/bin/mkfifo", [$0("p/samples/x.json")])
        },
        digits("no project", 66, says: ["p is no project", "hint: "]) { try FileSystem.removeTree($0("p")) },
        digits("a file where the output folder belongs", 73, says: ["out is a file where a folder"]) {
            try $0.write("", to: "out")
        },
        digits("a version that is none", 64, says: ["--version takes", "not x"], options: " --version x") { _ in },
        Refusal(
            input: "a mistyped command",
            command: "edgepack biuld p",
            exitCode: 64,
            says: ["unknown command 'biuld'", "did you mean 'build'?"]
        ),
        Refusal(
            input: "a mistyped option",
            command: "edgepack build --devise x",
            exitCode: 64,
            says: ["unknown option --devise", "did you mean '--device'?"]
        ),
        Refusal(
            input: "a folder that is a project already",
            command: "edgepack init p",
            exitCode: 73,
            says: ["p/bundle.yaml is there already", "hint: "]
        ) { try $0.write("name: x\n", to: "p/bundle.yaml") },
        Refusal(
            input: "a key that would be overwritten",
            command: "edgepack key generate --out k.pem",
            exitCode: 73,
            says: ["k.pem"]
        ) { try $0.write("a key", to: "k.pem") },
    ])
    func isRefused(_ refusal: Refusal) throws { try refusal.check() }

    @Test func aProjectThatWasJustBegunCanBeLockedAndBuilt() throws {
        let scratch = try Scratch()
        try Programs.pack("init", "begun", "--kind", "script", "--model", "model/weights.bin", in: scratch.path)
        try scratch.write("", to: "begun/requirements.in")
        try scratch.write("a model", to: "begun/model/weights.bin")
        if Architecture.here != .x86 {
            try scratch.edit("begun/bundle.yaml", replacing: "generic-x86_64", with: Self.device)
        }
        try Programs.pack("lock", "begun", in: scratch.path)
        let built = try Programs.pack("build", "begun", "-o", "dist", in: scratch.path)
        #expect(built.contains("dist/begun-1-linux-"))
    }
}
