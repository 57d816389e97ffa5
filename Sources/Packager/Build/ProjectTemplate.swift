internal import BundleManifest
package import Diagnostics
internal import FileSystem

/// Makes the first files of a project.
package struct ProjectTemplate: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// An ONNX model without a script.
        case onnx
        /// A scoring script with `init()` and `run()`.
        case script
    }

    package var name: String
    package var kind: Kind
    /// The model's path relative to the project.
    package var model: String

    package init(name: String, kind: Kind, model: String) {
        self.name = name
        self.kind = kind
        self.model = model
    }

    /// Writes the files that are not there yet and returns their paths. Throws where the project has a bundle.yaml.
    package func write(to folder: String) throws -> [String] {
        let project = FileSystem.join(folder, ProjectFile.fileName)
        guard try FileSystem.status(of: project) == nil else { throw TemplateError.alreadyThere(path: project) }
        var written: [String] = []
        // bundle.yaml last: with it the project is there.
        for (name, text) in files {
            let path = FileSystem.join(folder, name)
            guard try FileSystem.status(of: path) == nil else { continue }
            try FileSystem.createDirectories(FileSystem.parent(of: path))
            try FileSystem.write(Array(text.utf8), to: path)
            written.append(path)
        }
        return written
    }

    private var files: [(name: String, text: String)] {
        switch kind {
        case .onnx: [(ProjectFile.fileName, head + onnxEnvironment + tail)]
        case .script:
            [
                ("src/score.py", script), ("requirements.in", "numpy\n"),
                (ProjectFile.fileName, head + scriptEnvironment + tail),
            ]
        }
    }

    private var head: String {
        """
        # What goes into the bundle. `edgepack lock` pins the environment, `edgepack build -o dist` packs it.
        name: \(name)
        version: "1"

        model:
          path: \(model)

        """
    }

    private var onnxEnvironment: String {
        """

        environment:
          onnxruntime: "\(ProjectFile.pinnedONNXRuntime)"

        """
    }

    private var scriptEnvironment: String {
        """

        code_configuration:
          code: src
          scoring_script: score.py

        environment:
          python: "3.11"
          requirements: requirements.in

        """
    }

    private var tail: String {
        """

        # Requests with the answers that every box must give. `edgepack test --record` computes the answers.
        # samples:
        #   path: samples
        #   atol: 1.0e-5
        #   rtol: 1.0e-4

        devices: [generic-\(Platform.Architecture.current.rawValue)]

        """
    }

    private var script: String {
        """
        import json
        import os


        def init():
            # Called once, before the first request. The model lies in AZUREML_MODEL_DIR.
            global model_dir
            model_dir = os.environ["AZUREML_MODEL_DIR"]


        def run(data):
            # Called for each request with the body as text; what it returns is the answer, as JSON.
            values = json.loads(data)["data"]
            return {"rows": len(values)}

        """
    }
}

/// Why a project can't be begun.
package enum TemplateError: ExplainedError, Equatable {
    case alreadyThere(path: String)

    package var message: String {
        switch self {
        case .alreadyThere(let path): "\(path) is there already"
        }
    }

    package var hint: String? { "edit it, or name another folder" }
    package var exitCode: ExitCode { .cannotCreate }
}
