import BundleFormat
import BundleManifest
import Diagnostics
import FileSystem
import Testing

@testable import Packager

@Suite struct ProjectTreeTests {
    private static let script = """
        name: a
        model: {path: model}
        code_configuration: {code: src, scoring_script: score.py}
        environment: {python: "3.11", requirements: requirements.in}
        samples: {path: samples}

        """
    private static let scriptFiles = [
        "model/m.joblib": "m", "src/score.py": "", "src/helper.py": "", "requirements.in": "",
        "samples/1.json": #"{"request": {}, "response": {}}"#, "samples/readme.md": "notes",
    ]
    private static let native = "name: a\nmodel: {path: m}\n"
    private static let nativeModels = ["m/net.onnx": "external.onnx", "m/data/weights.bin": "data/weights.bin"]

    /// Runs `body` on a project of that YAML with files by their text and models by their fixture.
    private static func with<Result>(
        _ yaml: String,
        _ files: [String: String] = scriptFiles,
        models: [String: String] = [:],
        _ body: (Project) throws -> Result
    ) throws -> Result {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        try folder.write(yaml, to: "bundle.yaml")
        for (path, text) in files { try folder.write(text, to: path) }
        for (path, fixture) in models {
            let path = "\(folder.path)/\(path)"
            try FileSystem.createDirectories(FileSystem.parent(of: path))
            try FileSystem.write(try FileSystem.read(ModelFixture.path(fixture), limit: 1 << 20), to: path)
        }
        return try body(try Project.read(folder.path))
    }

    private static func paths(_ tree: ProjectTree) -> [String] {
        tree.source.components.flatMap { name, files in files.map { "\(name.rawValue)/\($0.path)" } }.sorted()
    }

    @Test func holdsCodeModelAndSamples() throws {
        let tree = try Self.with(Self.script) { try ProjectTree($0) }
        #expect(Self.paths(tree) == ["app/helper.py", "app/score.py", "model/model/m.joblib", "samples/1.json"])
        #expect(tree.modelEntry == "model/model")
        #expect(tree.interfaceDigest == nil)
    }

    @Test func leavesOutBundlesThatWereBuiltIntoTheCodeFolder() throws {
        var files = Self.scriptFiles
        files["src/dist/a-1-linux-x86_64-glibc2.28-cp311.bundle.tar.zst"] = "an earlier bundle"
        let tree = try Self.with(Self.script, files) { try ProjectTree($0) }
        #expect(Self.paths(tree).filter { $0.hasPrefix("app/") } == ["app/helper.py", "app/score.py"])
    }

    @Test func knowsTheFileThatIsServedInAFolderWithItsWeights() throws {
        let tree = try Self.with(Self.native, [:], models: Self.nativeModels) { try ProjectTree($0) }
        #expect(Self.paths(tree) == ["model/m/data/weights.bin", "model/m/net.onnx"])
        #expect(tree.modelEntry == "model/m/net.onnx")
        #expect(tree.interfaceDigest != nil)
    }

    struct Excluded: CustomTestStringConvertible, Sendable {
        let pattern: String
        /// The message up to the project's folder, and from there.
        let problem: (String, String)
        var isNative = false
        var testDescription: String { pattern }
    }

    @Test(arguments: [
        Excluded(pattern: "score.py", problem: ("leaves out ", "/src/score.py, the scoring script")),
        Excluded(pattern: "*.json", problem: ("leaves out ", "/samples, every sample")),
        Excluded(pattern: "*.joblib", problem: ("model.path: ", "/model holds no file that is to be packed")),
        Excluded(pattern: "*.onnx", problem: ("leaves out ", "/m/net.onnx, the model"), isNative: true),
        Excluded(pattern: "data", problem: ("", "/m/data/weights.bin, weights of the model"), isNative: true),
    ])
    func refusesToLeaveOutWhatABundleCantBeWithout(_ excluded: Excluded) throws {
        let yaml = (excluded.isNative ? Self.native : Self.script) + "exclude: ['\(excluded.pattern)']\n"
        let models = excluded.isNative ? Self.nativeModels : [:]
        try Self.with(yaml, excluded.isNative ? [:] : Self.scriptFiles, models: models) { project in
            let error = #expect(throws: (any Error).self) { try ProjectTree(project) } as? any ExplainedError
            let expected = excluded.problem.0 + project.folder + excluded.problem.1
            #expect(error?.message.hasSuffix(expected) == true, "\(error?.message ?? "")")
            #expect(error?.exitCode == .configuration)
            #expect(error?.hint?.contains("narrower") == true)
        }
    }

    @Test func refusesASampleThatNoBoxWouldCheck() throws {
        var files = Self.scriptFiles
        files["samples/more/2.json"] = "{}"
        try Self.with(Self.script, files) { project in
            let path = "\(project.folder)/samples/more/2.json"
            #expect(throws: SampleError.inFolder(path: path)) { try ProjectTree(project) }
        }
    }

    @Test(arguments: [
        ("not JSON", ": ", true), ("[]", " has no member \"request\"", true),
        (#"{"response": 1}"#, " has no member \"request\"", true),
        (#"{"request": 1}"#, " has no member \"response\"", false),
    ])
    func looksAtEverySampleBeforeAnythingIsBuilt(text: String, problem: String, isRefusedForRecording: Bool) throws {
        var files = Self.scriptFiles
        files["samples/2.json"] = text
        try Self.with(Self.script, files) { project in
            let error = #expect(throws: SampleError.self) { try ProjectTree(project) }
            #expect(error?.message.hasPrefix("\(project.folder)/samples/2.json\(problem)") == true)
            #expect(error?.exitCode == .dataError)
            let isRefused = (try? ProjectTree(project, samplesAreRecorded: false)) == nil
            #expect(isRefused == isRefusedForRecording)
        }
    }

    @Test func refusesWeightsThatStayBehind() throws {
        let yaml = "name: a\nmodel: {path: m/net.onnx}\n"
        try Self.with(yaml, [:], models: Self.nativeModels) { project in
            let model = "\(project.folder)/m/net.onnx"
            #expect(throws: BuildError.weightsBeside(model: model, weights: "data/weights.bin")) {
                try ProjectTree(project)
            }
        }
    }
}
