import Diagnostics
import Glibc
import Processes
import Testing

@testable import EdgeRuntime

/// What a script finds around itself: environment, folders, descriptors, limits; and the interpreter it runs on.
@Suite(.enabled(if: ScriptTestPython.isThere, "no Python 3.9 or later"), .timeLimit(.minutes(1)))
struct ScriptSurroundingsTests {
    private func answer(
        _ expression: String,
        _ change: (inout ScriptConfiguration) -> Void = { _ in },
        extra: [String: String] = [:]
    ) async throws -> String? {
        let script = "import json, os, sys\ndef init(): pass\ndef run(data): return \(expression)\n"
        let fixture = try ScriptFixture(script)
        for (name, text) in extra { try fixture.write(text, to: name) }
        return try await fixture.serve(change) { await $0.score("".utf8).text }
    }

    @Test func inheritsNothing() async throws {
        setenv("EDGE_TEST_SECRET", "s", 1)
        let names = try await answer("sorted(os.environ)") { $0.environment = ["MY_SETTING": "1"] }
        let expected = [
            "AML_APP_ROOT", "AZUREML_ENTRY_SCRIPT", "AZUREML_MODEL_DIR", "HOME", "LANG", "MKL_NUM_THREADS",
            "MY_SETTING",
            "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS",
            "ORT_DISABLE_TELEMETRY", "PYTHONDONTWRITEBYTECODE", "TMPDIR",
        ]
        #expect(names == "[" + expected.map { "\"\($0)\"" }.joined(separator: ", ") + "]")
    }

    @Test func letsTheDeploymentSetWhatTheWorkerDoesNotDependOn() throws {
        let configuration = try ScriptFixture("").configuration {
            $0.threads = 3
            $0.timeZone = "Europe/Berlin"
            $0.environment = ["OMP_NUM_THREADS": "1", "HOME": "/root", "AZUREML_MODEL_DIR": "/"]
        }
        let layout = ScriptScratch.Layout(root: "/s", entryScript: "src/score.py", modelFolder: "/s/m")
        let variables = configuration.processEnvironment(in: layout)
        #expect(variables["OMP_NUM_THREADS"] == "1")
        #expect(variables["OPENBLAS_NUM_THREADS"] == "3")
        #expect(variables["HOME"] == "/s/tmp")
        #expect(variables["AZUREML_MODEL_DIR"] == "/s/m")
        #expect(variables["TZ"] == "Europe/Berlin")
    }

    @Test func findsAModelFileDirectlyInItsFolder() async throws {
        let expression = "open(os.environ['AZUREML_MODEL_DIR'] + '/model.bin').read()"
        let fixture = try ScriptFixture("import os\ndef init(): pass\ndef run(data): return \(expression)\n")
        try fixture.write("weights", to: "model.bin")
        try await fixture.serve {
            $0.model = .entry("\(fixture.folder)/model.bin")
        } _: { worker in
            #expect(await worker.score("".utf8).text == #""weights""#)
        }
    }

    @Test func findsAModelFolderUnderItsOwnName() async throws {
        let expression =
            "[os.environ['AZUREML_MODEL_DIR'].split('/')[-3:], os.listdir(os.environ['AZUREML_MODEL_DIR'])]"
        let text = try await answer(expression) { $0.model = .entry("/usr/share") }
        #expect(text == #"[["azureml-models", "digits", "7"], ["share"]]"#)
    }

    @Test func linksAFolderThatIsLaidOutAlready() async throws {
        let text = try await answer("os.path.realpath(os.environ['AZUREML_MODEL_DIR'])") {
            $0.model = .folder("/usr/share")
        }
        #expect(text == #""/usr/share""#)
    }

    @Test func keepsNamesFromLeavingTheScratchFolder() async throws {
        let text = try await answer("os.environ['AZUREML_MODEL_DIR'].split('/')[-3:]") {
            $0.modelName = "../../x"
            $0.modelVersion = ".."
        }
        #expect(text == #"["azureml-models", "model", "1"]"#)
    }

    @Test func looksLikeAzure() async throws {
        let expression =
            "[__name__, 'entry_module' in sys.modules, os.getcwd() == os.environ['AML_APP_ROOT'],"
            + " os.path.samefile(os.environ['AZUREML_ENTRY_SCRIPT'], __file__), sys.argv == [__file__],"
            + " os.path.samefile(sys.path[-1], os.path.dirname(__file__))]"
        #expect(try await answer(expression) == #"["entry_module", true, true, true, true, true]"#)
    }

    @Test func putsPackagesBeforeTheCodeFolderAndLeavesTheSystemOnesOut() async throws {
        let expression = "[__import__('ours').where, [p for p in sys.path if 'packages' in p]]"
        let fixture = try ScriptFixture(
            "import os, sys\ndef init(): pass\ndef run(data): return \(expression)\n"
        )
        try fixture.write("where = 'code'\n", to: "ours.py")
        #expect(mkdir("\(fixture.folder)/site", 0o700) == 0)
        try fixture.write("where = 'site'\n", to: "site/ours.py")
        try await fixture.serve {
            $0.sitePackages = ["\(fixture.folder)/site"]
        } _: { worker in
            #expect(await worker.score("".utf8).text == #"["site", []]"#)
        }
    }

    @Test func isolatesTheProcess() async throws {
        let status = "[l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')][0]"
        let limits = "__import__('resource').getrlimit(__import__('resource').RLIMIT_CORE)"
        let expression =
            "[os.getpid() == os.getpgid(0), \(status), \(limits), sys.flags.isolated, sys.dont_write_bytecode]"
        #expect(try await answer(expression) == #"[true, "1", [0, 0], 1, true]"#)
    }

    @Test func writesNothingBesideTheScript() async throws {
        let fixture = try ScriptFixture("import helper\ndef init(): pass\ndef run(data): return helper.x\n")
        try fixture.write("x = 1\n", to: "helper.py")
        try await fixture.serve { #expect(await $0.score("".utf8).text == "1") }
        let listing = try Processes.run("/bin/ls", arguments: ["-A", fixture.folder])
        #expect(listing.outputText == "helper.py\nscore.py\n")
    }

    @Test func removesItsScratchFolderAndFollowsNoLink() async throws {
        let fixture = try ScriptFixture(
            """
            import os
            def init(): pass
            def run(data):
                tmp = os.environ["TMPDIR"]
                os.makedirs(tmp + "/a/b/c")
                open(tmp + "/a/b/file", "w").close()
                os.symlink(data, tmp + "/a/link")
                return tmp
            """
        )
        let worker = try fixture.worker()
        _ = try worker.start()
        let reply = await worker.score(fixture.folder.utf8)
        worker.stop()
        let folder = try #require(reply.text).dropFirst().dropLast()
        #expect(access(String(folder), F_OK) != 0)
        #expect(access(folder.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }, F_OK) != 0)
        #expect(access("\(fixture.folder)/score.py", F_OK) == 0)
    }

    @Test func sweepsWhatRuntimesThatWereKilledHaveLeft() throws {
        let fixture = try ScriptFixture("")
        let parent = fixture.scratchParent
        let living = try ScriptScratch(fixture.configuration())
        for name in ["edge-worker-killed", "edge-worker-notours", "other"] {
            #expect(mkdir("\(parent)/\(name)", 0o700) == 0)
        }
        #expect(mkdir("\(parent)/edge-worker-killed/tmp", 0o700) == 0)
        #expect(symlink(fixture.folder, "\(parent)/edge-worker-killed/tmp/link") == 0)
        #expect(symlink(fixture.folder, "\(parent)/edge-worker-linked") == 0)
        let next = try ScriptScratch(fixture.configuration())
        #expect(access("\(parent)/edge-worker-killed", F_OK) != 0)
        for kept in [
            living.layout.modelFolder, next.layout.modelFolder, "\(parent)/edge-worker-notours", "\(parent)/other",
            "\(parent)/edge-worker-linked", "\(fixture.folder)/score.py",
        ] {
            #expect(access(kept, F_OK) == 0, "\(kept)")
        }
        // One that was given up in this process is no different.
        let root = living.layout.root
        living.remove()
        #expect(access(root, F_OK) != 0)
    }

    @Test func givesTheNextWorkerCleanFolders() async throws {
        let fixture = try ScriptFixture(
            """
            import os
            def init(): pass
            def run(data):
                if data == "list":
                    return [sorted(os.listdir(".")), os.listdir(os.environ["TMPDIR"]), os.listdir("azureml-models")]
                for folder in [".", os.environ["TMPDIR"]]:
                    open(folder + "/left", "w").close()
                    # Deeper than removing goes.
                    os.chdir(folder)
                    for _ in range(100):
                        os.mkdir("deep")
                        os.chdir("deep")
                os._exit(1)
            """
        )
        try await fixture.serve { worker in
            _ = await worker.score("leave".utf8)
            let code = try #require(fixture.folder.split(separator: "/").last)
            #expect(await worker.score("list".utf8).text == #"[["azureml-models", "\#(code)"], [], ["digits"]]"#)
        }
    }

    // MARK: - The interpreter

    @Test func findsTheInterpreterBehindThePath() throws {
        let python = try #require(ScriptTestPython.interpreter)
        #expect(try PythonInterpreter.find(abi: python.abi).abi == python.abi)
        #expect(try PythonInterpreter.find(abi: python.abi, explicit: python.path) == python)
        #expect(python.abi.hasPrefix("cp3"))
        #expect(python.path.hasPrefix("/"))
    }

    @Test func namesWhatItNeedsAndWhatItFound() throws {
        let python = try #require(ScriptTestPython.interpreter)
        let error = #expect(throws: PythonInterpreterError.self) {
            try PythonInterpreter.find(abi: "cp399", explicit: python.path)
        }
        #expect(
            error?.message
                == "the scoring script needs CPython 3.99 (cp399); "
                + "found \(python.path): \(python.abi), version \(python.version)"
        )
        #expect(error?.exitCode == .incompatible)
    }

    @Test func saysWhatIsWrongWithAPath() {
        #expect(throws: PythonInterpreterError.notFound(path: "/nowhere/python")) {
            try PythonInterpreter.find(abi: nil, explicit: "/nowhere/python")
        }
        let error = #expect(throws: PythonInterpreterError.self) {
            try PythonInterpreter.find(abi: nil, explicit: "/bin/false")
        }
        #expect(error?.message.contains("/bin/false: it can't be run: exit code 1") == true)
        #expect(throws: PythonInterpreterError.incompatible(needed: "CPython 3.11 (cp311)", found: [])) {
            try PythonInterpreter.find(abi: "cp311", environment: ["PATH": "/nowhere"])
        }
    }

    @Test(arguments: ["", "cp", "cp3", "cp27", "cp38", "pp310", "cp311x", "cp3111", "cp3²"])
    func refusesTagsItDoesNotKnow(abi: String) {
        #expect(throws: PythonInterpreterError.unknownABI(abi)) { try PythonInterpreter.find(abi: abi) }
    }
}
