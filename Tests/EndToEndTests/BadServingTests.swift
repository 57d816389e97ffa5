import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// What can't be served or checked: told before anything listens, with path, cause and remedy.
@Suite(.programs, .oneByOne) struct BadServingTests {
    /// A copy of the native example's tree as `t`, changed.
    private static func native(
        _ change: @escaping @Sendable (Scratch) throws -> Void
    ) -> @Sendable (Scratch) throws -> Void {
        { scratch in
            try scratch.copy(Example.native.get().tree, as: "t")
            try change(scratch)
        }
    }

    /// The tree of a script without packages as `t`.
    private static func script(
        _ script: String,
        _ change: @escaping @Sendable (Scratch) throws -> Void = { _ in }
    ) -> @Sendable (Scratch) throws -> Void {
        { scratch in
            let other = try Scratch()
            try scratch.copy(ScriptProject(in: other, script: script).extracted(in: other), as: "t")
            try change(scratch)
        }
    }

    private static func library(_ scratch: Scratch) throws -> String {
        let name = try FileSystem.names(in: scratch("t/env/lib"))[0]
        return scratch("t/env/lib/\(name)")
    }

    private static let serve = "edgeruntime serve t --port 0"

    @Test(arguments: [
        Refusal(input: "nothing there", command: serve, exitCode: 66, says: ["error: t does not exist"]),
        Refusal(input: "an empty folder", command: serve, exitCode: 65, says: ["t can't be served: it holds no"]) {
            _ = try $0.folder("t")
        },
        Refusal(input: "a text file", command: serve, exitCode: 65, says: ["t can't be served", "hint: "]) {
            try $0.write("text", to: "t")
        },
        Refusal(
            input: "a bundle for another architecture",
            command: serve,
            exitCode: 12,
            says: [
                "t is for linux-\(Architecture.other.rawValue)-", "this machine is \(Architecture.here.rawValue)",
                "hint: ",
            ]
        ) { try Programs.pack("extract", Example.native.get().bundleForOther, $0("t")) },
        Refusal(
            input: "a bundle for a newer glibc",
            command: serve,
            exitCode: 12,
            says: ["this machine has glibc 2.", "older than 2.99"],
            arrange: native {
                try $0.edit("t/MANIFEST.json", replacing: "\"glibc\":\"2.28\"", with: "\"glibc\":\"2.99\"")
            }
        ),
        Refusal(
            input: "a bundle that requires what this runtime does not know",
            command: serve,
            exitCode: 12,
            says: ["teleportation"],
            arrange: native {
                try $0.edit("t/MANIFEST.json", replacing: "\"requires\":[]", with: "\"requires\":[\"teleportation\"]")
            }
        ),
        Refusal(
            input: "a truncated manifest",
            command: serve,
            exitCode: 65,
            says: ["error: t: ", "malformed JSON"],
            arrange: native { try $0.write("{\"name\":", to: "t/MANIFEST.json") }
        ),
        Refusal(
            input: "a manifest without a name",
            command: serve,
            exitCode: 65,
            says: ["error: t: MANIFEST.json.name: is missing"],
            arrange: native { try $0.edit("t/MANIFEST.json", replacing: "\"name\"", with: "\"nome\"") }
        ),
        Refusal(
            input: "no library",
            command: serve,
            exitCode: 12,
            says: ["ONNX Runtime is not at %/t/env/lib/libonnxruntime.so.", "hint: "],
            arrange: native { try FileSystem.removeFile(library($0)) }
        ),
        Refusal(
            input: "a truncated library",
            command: serve,
            exitCode: 12,
            says: ["ONNX Runtime at %/t/env/lib/libonnxruntime.so.", "the file is truncated", "hint: "],
            arrange: native { truncate(try library($0), 100_000) }
        ),
        Refusal(
            input: "no model",
            command: serve,
            exitCode: 14,
            says: ["model %/t/model/digits.onnx can't be read: "],
            arrange: native { try FileSystem.removeFile($0("t/model/digits.onnx")) }
        ),
        Refusal(
            input: "a model that won't load",
            command: serve,
            exitCode: 14,
            says: ["model %/t/model/digits.onnx can't be loaded by ONNX Runtime 1.", "hint: check that the file"],
            arrange: native { try $0.write("garbage", to: "t/model/digits.onnx") }
        ),
        Refusal(
            input: "a model that answers its own samples wrongly",
            command: serve,
            exitCode: 10,
            says: ["answers its own samples wrongly", "batch-of-5: ", "hint: look at the differences"],
            arrange: native {
                try $0.copy($0("t/samples/digit-7.json"), as: "t/samples/batch-of-5.json")
                try $0.edit("t/samples/batch-of-5.json", replacing: "7", with: "3")
            }
        ),
        Refusal(
            input: "a sample that is none",
            command: "edgeruntime check t",
            exitCode: 65,
            says: ["%/t/samples/blank.json is no conformance sample: "],
            arrange: native { try $0.write("{", to: "t/samples/blank.json") }
        ),
        Refusal(
            input: "a project without a library to run it",
            command: "edgeruntime check t --python /bin/false",
            exitCode: 12,
            says: ["hint: "]
        ) { try $0.copy("\(Programs.repository)/examples/digits", as: "t") },
        Refusal(
            input: "a script that raises in init()",
            command: serve,
            exitCode: 14,
            says: [
                "error: init() of the scoring script %/t/app/score.py failed (line 3): ValueError: no such luck",
                "File \"%/t/app/score.py\", line 3, in init", "hint: the traceback in the log",
            ],
            arrange: script(
                "def init():\n    # Fails.\n    raise ValueError('no such luck')\n\ndef run(data): return 1\n"
            )
        ),
        Refusal(
            input: "a script that lacks a package",
            command: serve,
            exitCode: 14,
            says: [
                "error: can't load the scoring script %/t/app/score.py (line 1): ModuleNotFoundError: No module named",
                "hint: add the package to the environment of bundle.yaml and lock it again",
            ],
            arrange: script("import notinstalledanywhere\n\ndef init(): pass\n\ndef run(data): return 1\n")
        ),
        Refusal(
            input: "a script that is no Python",
            command: serve,
            exitCode: 14,
            says: ["can't load the scoring script %/t/app/score.py (line 1): SyntaxError"],
            arrange: script("def init(:\n")
        ),
        Refusal(
            input: "a script without run()",
            command: serve,
            exitCode: 14,
            says: ["%/t/app/score.py: the scoring script has no run() function", "hint: "],
            arrange: script("def init(): pass\n")
        ),
        Refusal(
            input: "a script that kills its process in init()",
            command: serve,
            exitCode: 14,
            says: ["%/t/app/score.py ended before init() was done: signal 9 (SIGKILL)", "hint: "],
            arrange: script("import os\n\ndef init(): os.kill(os.getpid(), 9)\n\ndef run(data): return 1\n")
        ),
        Refusal(
            input: "a script that is not there",
            command: serve,
            exitCode: 14,
            says: ["%/t/app/score.py: the scoring script does not exist"],
            arrange: script(ScriptProject.controllable) { try FileSystem.removeFile($0("t/app/score.py")) }
        ),
        Refusal(
            input: "a script for a Python that nobody has",
            command: serve,
            exitCode: 12,
            says: ["the scoring script needs CPython 3.99 (cp399)", "hint: install CPython 3.99"],
            arrange: script(ScriptProject.controllable) {
                try $0.edit("t/MANIFEST.json", replacing: "cp311", with: "cp399")
                try $0.edit("t/MANIFEST.json", replacing: "\"3.11\"", with: "\"3.99\"")
            }
        ),
        Refusal(
            input: "an interpreter that is none",
            command: serve + " --python /bin/false",
            exitCode: 12,
            says: ["found /bin/false: it can't be run", "hint: "],
            arrange: script(ScriptProject.controllable)
        ),
        Refusal(
            input: "a port that is no number",
            command: "edgeruntime serve t --port http",
            exitCode: 64,
            says: ["--port: 'http'", "hint: "]
        ),
        Refusal(
            input: "a port and a socket",
            command: "edgeruntime serve t --port 1 --socket s",
            exitCode: 64,
            says: ["--port and --socket can't be used together"]
        ),
        Refusal(
            input: "an address of another machine",
            command: "edgeruntime serve t --listen 192.0.2.1:80",
            exitCode: 64,
            says: ["can't listen on 192.0.2.1:80", "hint: "],
            arrange: native { _ in }
        ),
        Refusal(
            input: "a request that the model can't take",
            command: "edgeruntime score t r.json",
            exitCode: 65,
            says: ["error: the request was answered with 400: input \"X\" is missing, FP32 [N, 64]"],
            arrange: native { try $0.write(#"{"inputs": []}"#, to: "r.json") }
        ),
        Refusal(
            input: "a request that is not there",
            command: "edgeruntime score t r.json",
            exitCode: 66,
            says: ["can't open r.json: no such file or directory"],
            arrange: native { _ in }
        ),
    ])
    func isRefused(_ refusal: Refusal) throws { try refusal.check() }

    @Test func aPortThatIsTakenIsToldAtOnce() throws {
        let taken = try ServedRuntime(Example.native.get().tree)
        try Refusal(
            input: "a taken port",
            command: "edgeruntime serve t --port \(taken.port)",
            exitCode: 75,
            says: ["address 127.0.0.1:\(taken.port) is already in use", "hint: choose another port"],
            arrange: Self.native { _ in }
        ).check()
        #expect(try taken.get("/v2/health/ready").status == 200)
    }

    @Test func aMachineWithoutPythonIsToldWhichOneIsNeeded() throws {
        let scratch = try Scratch()
        let project = try ScriptProject(in: scratch)
        let tree = try project.extracted(in: scratch)
        let result = try Programs.run(
            Programs.edgeruntime,
            ["serve", tree, "--port", "0"],
            environment: ["PATH": scratch("dist")]
        )
        #expect(result.status == .exited(12))
        #expect(result.errorText.contains("needs CPython 3.11 (cp311); found no Python in PATH"))
    }
}
