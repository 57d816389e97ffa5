package import BundleManifest
package import Diagnostics
internal import FileSystem
internal import YAML

/// Makes the first files of a project.
package struct ProjectTemplate: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// An ONNX model without a script.
        case onnx
        /// A scoring script with `init()` and `run()`.
        case script
    }

    package var name: BundleName
    package var kind: Kind
    /// The model's path relative to the project.
    package var model: String

    package init(name: BundleName, kind: Kind, model: String) {
        self.name = name
        self.kind = kind
        self.model = model
    }

    /// The name of a folder as far as it can be a bundle's: `My Proj!` gives `my-proj`; `model` where nothing is left.
    package static func name(forFolder folder: String) -> BundleName? {
        let isKept = { (byte: UInt8) in byte.isASCIILetterOrDigit || byte == UInt8(ascii: "_") }
        let parts = folder.lowercased().utf8.split { !isKept($0) }.map { String(decoding: $0, as: UTF8.self) }
        var name = parts.joined(separator: "-").prefix(64)
        while let end = name.utf8.last, !end.isASCIILetterOrDigit { name.removeLast() }
        while let start = name.utf8.first, !start.isASCIILetterOrDigit { name.removeFirst() }
        return BundleName(name.isEmpty ? "model" : String(name))
    }

    /// Writes the files that are not there yet and returns their paths. Throws where the project has a bundle.yaml, or
    /// where the one to be written could not be read.
    package func write(to folder: String) throws -> [String] {
        let project = FileSystem.join(folder, ProjectFile.fileName)
        guard try FileSystem.status(of: project) == nil else { throw TemplateError.alreadyThere(path: project) }
        for (name, text) in files where name == ProjectFile.fileName {
            _ = try ProjectFile.parse(try YAMLParser.parse(Array(text.utf8), source: project))
        }
        try FileSystem.createDirectories(folder)
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
          path: \(quotedModel)

        """
    }

    /// The model's path as YAML has it: in quotes where it holds more than plain names do.
    private var quotedModel: String {
        let isPlain = model.utf8.allSatisfy { $0.isASCIILetterOrDigit || "._/-".utf8.contains($0) }
        let starts = model.utf8.first?.isASCIILetterOrDigit == true
        return isPlain && starts ? model : "'" + model.replacing("'", with: "''") + "'"
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

extension UInt8 {
    fileprivate var isASCIILetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
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
