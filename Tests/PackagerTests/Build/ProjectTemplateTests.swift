import BundleManifest
import Diagnostics
import FileSystem
import Testing

@testable import Packager

@Suite struct ProjectTemplateTests {
    private static func template(_ kind: ProjectTemplate.Kind, model: String) throws -> ProjectTemplate {
        ProjectTemplate(name: try #require(BundleName("a")), kind: kind, model: model)
    }

    @Test(arguments: ["model/model.onnx", "m: x/it's # here.onnx", "-x", "*a", "~", "größe.onnx"])
    func writesWhatCanBeRead(model: String) throws {
        for kind in ProjectTemplate.Kind.allCases {
            let folder = try TemporaryProject()
            defer { folder.remove() }
            let written = try Self.template(kind, model: model).write(to: "\(folder.path)/new")
            #expect(written.last == "\(folder.path)/new/bundle.yaml")
            let project = try Project.read("\(folder.path)/new")
            #expect(project.file.name.text == "a")
            #expect(project.file.model?.text == model)
        }
    }

    @Test(arguments: ["/abs/model.onnx", "a\u{0}b", ".."])
    func writesNothingThatCouldNotBeRead(model: String) throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        #expect(throws: (any Error).self) {
            try Self.template(.script, model: model).write(to: "\(folder.path)/new")
        }
        #expect(try FileSystem.names(in: folder.path) == [])
    }

    @Test func leavesAProjectThatIsThere() throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        try folder.write("mine", to: "bundle.yaml")
        let error = #expect(throws: TemplateError.self) {
            try Self.template(.onnx, model: "m.onnx").write(to: folder.path)
        }
        #expect(error?.exitCode == .cannotCreate)
        #expect(try folder.text("bundle.yaml") == "mine")
    }

    @Test(arguments: [
        ("digits", "digits"), ("My Proj!", "my-proj"), ("_x_", "x"), ("Größe 2", "gr-e-2"), ("!!", "model"),
        (String(repeating: "a", count: 63) + "_b", String(repeating: "a", count: 63)),
    ])
    func makesANameOfAFolders(folder: String, name: String) {
        #expect(ProjectTemplate.name(forFolder: folder)?.text == name)
    }
}
