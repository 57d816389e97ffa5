import BundleManifest
import YAML

/// The keys that say what answers requests: `model`, `code_configuration` and `environment`.
struct ScoringFields {
    private let model: ProjectPath?
    private let code: (folder: ProjectPath, script: BundlePath, position: YAMLPosition)?
    /// The mapping `environment`, or the whole file where it has none, and the keys for messages.
    private let environment: YAMLFields?
    private let top: YAMLFields

    init(_ fields: YAMLFields) throws(YAMLError) {
        top = fields
        let model = try fields.fieldsIfPresent("model")
        self.model = try model?.path("path")
        if let path = self.model?.text.split(separator: "/").last, path == "." || path == ".." {
            let hint = "name the model's file, or a folder for itself"
            throw fields.invalid("model", "'\(path)' has no name that the bundle could keep", hint: hint)
        }
        try model?.refuseUnknown()
        let code = try fields.fieldsIfPresent("code_configuration")
        self.code = if let code { try Self.code(code) } else { nil }
        environment = try fields.fieldsIfPresent("environment")
    }

    private static func code(
        _ fields: YAMLFields
    ) throws(YAMLError) -> (folder: ProjectPath, script: BundlePath, position: YAMLPosition) {
        let folder = try fields.path("code")
        let text = try fields.string("scoring_script")
        guard let script = BundlePath(text), text.hasSuffix(".py") else {
            let hint = "name a Python file inside the folder that code_configuration.code names"
            throw fields.invalid("scoring_script", "'\(text)' is no script in the code folder", hint: hint)
        }
        let position = fields.nodeIfPresent("scoring_script")?.position ?? fields.position
        try fields.refuseUnknown()
        return (folder, script, position)
    }

    func scoring() throws(YAMLError) -> ProjectFile.Scoring {
        let python = try environment?.stringIfPresent("python")
        let requirements = try environment?.pathIfPresent("requirements")
        let runtime = try environment?.stringIfPresent("onnxruntime")
        try environment?.refuseUnknown()

        guard let code else {
            guard let model else { throw top.missing("model.path") }
            for (key, isGiven) in [("python", python != nil), ("requirements", requirements != nil)] where isGiven {
                let hint = "add code_configuration with a scoring script, or remove \(key)"
                throw misplaced(key, "a model without a scoring script runs without Python", hint: hint)
            }
            return .onnx(runtimeVersion: try version(runtime), model: model)
        }
        guard runtime == nil else {
            let hint = "list onnxruntime in the requirements file"
            throw misplaced("onnxruntime", "a scoring script brings its own packages", hint: hint)
        }
        guard let environment else { throw top.missing("environment.python") }
        guard let python, let position = environment.nodeIfPresent("python")?.position else {
            throw environment.missing("python")
        }
        guard let version = PythonVersion(python) else {
            throw environment.invalid("python", "'\(python)' is no Python version such as \"3.11\"")
        }
        guard let requirements else { throw environment.missing("requirements") }
        let script = ProjectFile.ScoringScript(
            code: code.folder,
            script: code.script,
            scriptPosition: code.position,
            python: version,
            pythonPosition: position,
            requirements: requirements
        )
        return .script(script, model: model)
    }

    private func misplaced(_ key: String, _ reason: String, hint: String) -> YAMLError {
        environment?.invalid(key, reason, hint: hint) ?? top.missing("environment")
    }

    /// Digits and points only: it becomes part of a requirement and of a file name.
    private func version(_ text: String?) throws(YAMLError) -> String {
        guard let text else { return ProjectFile.pinnedONNXRuntime }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isVersion = (2...4).contains(parts.count) && parts.allSatisfy { Int32($0).map { $0 >= 0 } == true }
        guard isVersion else {
            let hint = "such as \"\(ProjectFile.pinnedONNXRuntime)\""
            throw misplaced("onnxruntime", "'\(text)' is no version of onnxruntime", hint: hint)
        }
        return text
    }
}
