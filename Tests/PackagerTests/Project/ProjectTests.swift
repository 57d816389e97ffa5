import Diagnostics
import FileSystem
import Testing

@testable import Packager

@Suite struct ProjectTests {
    /// A project on disk: the YAML, and files by their paths; a path that ends with a slash is a folder.
    private func project(_ yaml: String, files: [String]) throws -> (TemporaryProject, Project) {
        let folder = try TemporaryProject()
        try folder.write(yaml, to: "bundle.yaml")
        for file in files {
            if file.hasSuffix("/") {
                try FileSystem.createDirectories("\(folder.path)/\(file)")
            } else {
                try folder.write("x", to: file)
            }
        }
        return (folder, try Project.read(folder.path))
    }

    private static let script = """
        name: a
        model: {path: model}
        code_configuration: {code: src, scoring_script: score.py}
        environment: {python: "3.11", requirements: requirements.in}
        samples: {path: samples}
        """
    private static let scriptFiles = ["model/m.joblib", "src/score.py", "requirements.in", "samples/1.json"]

    @Test func acceptsAProjectThatIsComplete() throws {
        let (folder, project) = try project(Self.script, files: Self.scriptFiles)
        defer { folder.remove() }
        #expect(throws: Never.self) { try project.checkPaths() }
    }

    @Test func readsTheFileItselfAsWellAsItsFolder() throws {
        let (folder, _) = try project("name: a\nmodel: {path: m.onnx}", files: ["m.onnx"])
        defer { folder.remove() }
        #expect(try Project.read("\(folder.path)/bundle.yaml").folder == folder.path)
    }

    struct Missing: CustomTestStringConvertible, Sendable {
        let file: String
        let problem: String
        var exitCode = ExitCode.noInput
        var testDescription: String { file }
    }

    @Test(arguments: [
        Missing(file: "model/m.joblib", problem: ":2:15: model.path: PROJECT/model does not exist"),
        Missing(
            file: "src/score.py",
            problem: ":3:28: code_configuration.code: PROJECT/src does not exist"
        ),
        Missing(
            file: "requirements.in",
            problem: ":4:45: environment.requirements: PROJECT/requirements.in does not exist"
        ),
        Missing(file: "samples/1.json", problem: ":5:17: samples.path: PROJECT/samples does not exist"),
    ])
    func namesWhatIsMissing(_ missing: Missing) throws {
        let (folder, project) = try project(Self.script, files: Self.scriptFiles.filter { $0 != missing.file })
        defer { folder.remove() }
        let error = #expect(throws: ProjectError.self) { try project.checkPaths() }
        let expected = "PROJECT/bundle.yaml" + missing.problem
        #expect(error?.message == expected.split(separator: "PROJECT").map { "\(folder.path)\($0)" }.joined())
        #expect(error?.hint != nil)
        #expect(error?.exitCode == missing.exitCode)
    }

    @Test func namesAScriptThatIsNotInTheCodeFolder() throws {
        let files = ["model/m", "src/other.py", "requirements.in", "samples/1.json"]
        let (folder, project) = try project(Self.script, files: files)
        defer { folder.remove() }
        let error = #expect(throws: ProjectError.self) { try project.checkPaths() }
        #expect(error?.message.contains(":3:49: code_configuration.scoring_script: ") == true)
        #expect(error?.message.hasSuffix("/src/score.py does not exist") == true)
    }

    @Test func refusesAFileWhereAFolderBelongs() throws {
        let files = ["model", "src", "requirements.in", "samples/1.json"]
        let (folder, project) = try project(Self.script, files: files)
        defer { folder.remove() }
        let error = #expect(throws: ProjectError.self) { try project.checkPaths() }
        #expect(error?.message.hasSuffix("/src is not a folder") == true)
    }

    @Test func refusesSamplesWithoutSamples() throws {
        let files = ["model", "src/score.py", "requirements.in", "samples/readme.txt"]
        let (folder, project) = try project(Self.script, files: files)
        defer { folder.remove() }
        let error = #expect(throws: ProjectError.self) { try project.checkPaths() }
        #expect(error?.message.hasSuffix("/samples holds no .json file") == true)
    }

    @Test(arguments: [
        (["m/model.onnx", "m/weights.bin"], Optional("m/model.onnx"), ""),
        (["m/"], nil, "holds no .onnx file"), (["m/a.onnx", "m/b.onnx"], nil, "holds more than one: a.onnx, b.onnx"),
        (["m"], nil, "is no .onnx file, and no scoring script is named"),
    ])
    func findsTheModelThatRunsWithoutAScript(files: [String], model: String?, problem: String) throws {
        let (folder, project) = try project("name: a\nmodel: {path: m}", files: files)
        defer { folder.remove() }
        guard let wanted = project.file.model else { return }
        if let model {
            #expect(try project.nativeModel(at: wanted) == model)
        } else {
            let error = #expect(throws: ProjectError.self) { try project.checkPaths() }
            #expect(error?.message.hasSuffix(problem) == true)
            #expect(error?.exitCode == .configuration)
        }
    }

    @Test(arguments: ["", "nothing/here"])
    func refusesAFolderWithoutAProject(place: String) throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        let error = #expect(throws: ProjectError.self) { try Project.read("\(folder.path)/\(place)") }
        #expect(error?.exitCode == .noInput)
        #expect(error?.hint == "`edgepack init` makes one")
    }
}

/// A folder for one test, which removes it.
struct TemporaryProject {
    let path: String

    init() throws {
        path = "/tmp/project-\(UInt64.random(in: 0 ... .max))"
        try FileSystem.createDirectory(path, mode: 0o755)
    }

    func remove() { try? FileSystem.removeTree(path) }

    func write(_ text: String, to file: String, mode: UInt32 = 0o644) throws {
        try FileSystem.createDirectories(FileSystem.parent(of: "\(path)/\(file)"))
        try FileSystem.write(Array(text.utf8), to: "\(path)/\(file)", mode: mode)
    }

    func text(_ file: String) throws -> String {
        String(decoding: try FileSystem.read("\(path)/\(file)", limit: 1 << 20), as: UTF8.self)
    }
}
