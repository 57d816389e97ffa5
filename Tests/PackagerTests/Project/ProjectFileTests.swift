import BundleManifest
import Diagnostics
import JSON
import Testing
import YAML

@testable import Packager

@Suite struct ProjectFileTests {
    private static let native = "name: digits\nmodel: {path: model.onnx}\n"

    private static let full = """
        name: digits
        version: 1.2.0
        model: {path: ../shared/model}
        code_configuration: {code: src, scoring_script: app/score.py}
        environment: {python: "3.11", requirements: requirements.in}
        devices: [generic-x86_64, devices/gate.yaml]
        samples:
          path: samples
          atol: 1.0e-3
          allowed_mismatches: 2
          outputs:
            label: {kind: class, scores: probabilities}
            probabilities: {rtol: 0.5}
        resources: {memory: 64MiB, startup: 1m, deadline: 250ms}
        endpoint: {max_body: 1MiB, queue: 7, workers: 2}
        environment_variables: {B: "1", A: yes}
        capture: {enabled: true}
        monitoring: {}
        interface: {epoch: 3}
        needs: {devices: [gpu.nvidia, camera]}
        parameters:
          threshold: {type: number, default: 0.5, minimum: 0, maximum: 1, local: true}
          count: {type: integer, default: 3, minimum: 1}
          mode: {type: string, default: fast}
          strict: {type: boolean, default: false}
        exclude: ["*.ipynb", data/raw]
        """

    static func parse(_ text: String, host: Platform.Architecture = .arm64) throws -> ProjectFile {
        try ProjectFile.parse(try YAMLParser.parse(text, source: "bundle.yaml"), hostArchitecture: host)
    }

    @Test func readsTheShortestFileWithDefaults() throws {
        let file = try Self.parse(Self.native)
        #expect(file.name.text == "digits")
        #expect(file.version == nil)
        guard case .onnx("1.31.1", let model) = file.scoring else {
            Issue.record("not native: \(file.scoring)")
            return
        }
        #expect(model.text == "model.onnx" && model.key == "model.path")
        #expect(model.position.description == "bundle.yaml:2:15")
        #expect(file.devices.map(\.reference) == ["generic-aarch64"])
        #expect(file.samples == nil)
        #expect(file.endpoint == Manifest.Endpoint())
        #expect(file.interfaceEpoch == 1)
        #expect(!file.capturesByDefault)
        #expect(file.exclusions.excludes("a/__pycache__/b.py"))
    }

    @Test func readsAFolderWithASlashBehindIt() throws {
        #expect(try Self.parse("name: a\nmodel: {path: model//}").model?.text == "model")
    }

    @Test func readsEveryKey() throws {
        let file = try Self.parse(Self.full)
        #expect(file.version == BundleVersion("1.2.0"))
        guard case .script(let script, let model) = file.scoring else {
            Issue.record("no script: \(file.scoring)")
            return
        }
        #expect(model?.text == "../shared/model")
        #expect(script.code.text == "src" && script.script.text == "app/score.py")
        #expect(script.python == PythonVersion("3.11") && script.requirements.text == "requirements.in")
        #expect(file.devices.map(\.reference) == ["generic-x86_64", "devices/gate.yaml"])
        #expect(file.devices[1].position.description == "bundle.yaml:6:27")
        #expect(file.samples?.folder.text == "samples")
        #expect(file.samples?.policy.absoluteTolerance == 1e-3)
        #expect(file.samples?.policy.relativeTolerance == 1e-4)
        #expect(file.samples?.policy.allowedMismatches == 2)
        let label = SamplePolicy.Output(comparison: .class, scores: "probabilities")
        let probabilities = SamplePolicy.Output(comparison: .values, relativeTolerance: 0.5)
        #expect(file.samples?.policy.outputs == ["label": label, "probabilities": probabilities])
        #expect(file.endpoint.memoryBytes == 64 << 20)
        #expect(file.endpoint.startupMilliseconds == 60_000)
        #expect(file.endpoint.deadlineMilliseconds == 250)
        #expect(file.endpoint.maximumBodyBytes == 1 << 20)
        #expect(file.endpoint.queue == 7 && file.endpoint.workers == 2)
        #expect(file.environmentVariables == ["A": "yes", "B": "1"])
        #expect(file.capturesByDefault)
        #expect(file.interfaceEpoch == 3)
        #expect(file.neededDevices == ["camera", "gpu.nvidia"])
        #expect(file.exclusions.patterns == ["*.ipynb", "data/raw"])
        let threshold: JSONValue = [
            "default": .number(try JSONNumber(0.5)), "local": true, "maximum": 1, "minimum": 0, "type": "number",
        ]
        #expect(try file.parameters["threshold"]?.json.canonicalBytes() == threshold.canonicalBytes())
        #expect(file.parameters["count"]?.minimum == JSONNumber(1) && file.parameters["count"]?.maximum == nil)
        #expect(file.parameters["mode"]?.defaultValue == "fast")
        #expect(file.parameters["strict"]?.defaultValue == false)
    }

    @Test func readsAVersionOfONNXRuntime() throws {
        let file = try Self.parse(Self.native + "environment: {onnxruntime: 1.30.0}\n")
        guard case .onnx("1.30.0", _) = file.scoring else {
            Issue.record("\(file.scoring)")
            return
        }
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        let text: String
        let message: String
        var hint: String?
        init(_ text: String, _ message: String, hint: String? = nil) {
            self.text = text
            self.message = message
            self.hint = hint
        }
        var testDescription: String { message }
    }

    private static let script = """
        name: a
        code_configuration: {code: src, scoring_script: score.py}

        """

    @Test(arguments: [
        Refusal("model: {path: m}", "bundle.yaml:1:1: name is missing"),
        Refusal(
            "name: Digits",
            "bundle.yaml:1:7: name: 'Digits' is no bundle name",
            hint: "a name is 1 to 64 lowercase letters, digits, '.', '_' and '-', with a letter or digit at both ends"
        ),
        Refusal("name: -a", "bundle.yaml:1:7: name: '-a' is no bundle name"),
        Refusal("name: a\nversion: 1.x\n", "bundle.yaml:2:10: version: '1.x' is no version"),
        Refusal("name: a\nversion: 1.2.3.4.5\n", "bundle.yaml:2:10: version: '1.2.3.4.5' is no version"),
        Refusal("name: a\nversion: 2147483648\n", "bundle.yaml:2:10: version: '2147483648' is no version"),
        Refusal("name: a", "bundle.yaml:1:1: model.path is missing"),
        Refusal(
            "name: a\nmodel: {path: /srv/m.onnx}",
            "bundle.yaml:2:15: model.path: '/srv/m.onnx' is an absolute path",
            hint: "write it relative to the folder of bundle.yaml, so that the project builds anywhere"
        ),
        Refusal("name: a\nmodel: {path: ''}", "bundle.yaml:2:15: model.path: is no path"),
        Refusal("name: a\nmodel: m.onnx", "bundle.yaml:2:8: model: expected a mapping, found 'm.onnx'"),
        Refusal(
            native + "code_configuration: {code: src}",
            "bundle.yaml:3:21: code_configuration.scoring_script is missing"
        ),
        Refusal(
            native + "code_configuration: {scoring_script: s.py}",
            "bundle.yaml:3:21: code_configuration.code is missing"
        ),
        Refusal(
            native + "code_configuration: {code: src, scoring_script: ../s.py}",
            "bundle.yaml:3:49: code_configuration.scoring_script: '../s.py' is no script in the code folder"
        ),
        Refusal(
            native + "environment: {python: '3.11'}",
            "bundle.yaml:3:23: environment.python: a model without a scoring script runs without Python",
            hint: "add code_configuration with a scoring script, or remove python"
        ),
        Refusal(
            native + "environment: {onnxruntime: latest}",
            "bundle.yaml:3:28: environment.onnxruntime: 'latest' is no version of onnxruntime"
        ),
        Refusal(script, "bundle.yaml:1:1: environment.python is missing"),
        Refusal(script + "environment: {python: '3.11'}", "bundle.yaml:3:14: environment.requirements is missing"),
        Refusal(
            script + "environment: {python: 3.11.2, requirements: r}",
            "bundle.yaml:3:23: environment.python: '3.11.2' is no Python version such as \"3.11\""
        ),
        Refusal(
            script + "environment: {python: 3.11, requirements: r, onnxruntime: 1.31.1}",
            "bundle.yaml:3:59: environment.onnxruntime: a scoring script brings its own packages"
        ),
        Refusal(native + "devices: []", "bundle.yaml:3:10: devices: is an empty list"),
        Refusal(native + "devices: [x, x]", "bundle.yaml:3:14: devices: x is there twice"),
        Refusal(native + "samples: {atol: 1}", "bundle.yaml:3:10: samples.path is missing"),
        Refusal(
            native + "samples: {path: s, atol: -1}",
            "bundle.yaml:3:26: samples.atol: -1.0 is not between 0.0 and 1.7976931348623157e+308"
        ),
        Refusal(
            native + "samples: {path: s, outputs: {y: {kind: class}}}",
            "bundle.yaml:3:33: samples.outputs.y.scores is missing"
        ),
        Refusal(
            native + "samples: {path: s, outputs: {y: {scores: p}}}",
            "bundle.yaml:3:42: samples.outputs.y.scores: only an output of kind class has scores"
        ),
        Refusal(
            native + "resources: {deadline: 1us}",
            "bundle.yaml:3:23: resources.deadline: 1us is not between 1ms and 1h"
        ),
        Refusal(
            native + "resources: {deadline: 1500us}",
            "bundle.yaml:3:23: resources.deadline: is not a whole number of milliseconds"
        ),
        Refusal(
            native + "environment_variables: {1A: x}",
            "bundle.yaml:3:24: environment_variables: '1A' is no variable name (letters, digits and _, no digit first)"
        ),
        Refusal(
            native + "monitoring: {drift: true}",
            "bundle.yaml:3:14: unknown key \"monitoring.drift\"",
            hint: "no keys are known here"
        ),
        Refusal(
            native + "needs: {devices: [/dev/video0]}",
            "bundle.yaml:3:18: needs.devices: '/dev/video0' is no device class"
        ),
        Refusal(
            native + "parameters: {t: {type: number, default: 2, maximum: 1}}",
            "bundle.yaml:3:41: parameters.t.default: 2.0 is not between -1.7976931348623157e+308 and 1.0"
        ),
        Refusal(
            native + "parameters: {t: {type: integer, default: 1, minimum: 2, maximum: 1}}",
            "bundle.yaml:3:66: parameters.t.maximum: is below the minimum"
        ),
        Refusal(
            native + "parameters: {t: {type: string, default: x, minimum: 1}}",
            "bundle.yaml:3:53: parameters.t.minimum: a string has no bounds"
        ),
        Refusal(native + "samples:", "bundle.yaml:3:9: samples: has nothing behind it"),
        Refusal(
            "name: a\nmodel: {path: ./..}",
            "bundle.yaml:2:8: model: '..' has no name that the bundle could keep"
        ),
        Refusal(
            native + "endpoint: {queue: 0}",
            "bundle.yaml:3:19: endpoint.queue: 0 is not between 1 and 100000"
        ),
        Refusal(
            native + "exclude: ['[ab]']",
            "bundle.yaml:3:10: exclude: '[ab]' holds one of ! [ ] { } \\, only *, ** and ? are known"
        ),
        Refusal(
            native + "code_configuraton: {}",
            "bundle.yaml:3:1: unknown key \"code_configuraton\"",
            hint: "did you mean \"code_configuration\"?\nknown keys here: name, version, model, code_configuration, "
                + "environment, devices, samples, resources, endpoint, environment_variables, capture, interface, "
                + "needs, parameters, exclude, monitoring"
        ),
    ])
    func refuses(_ refusal: Refusal) {
        let error = #expect(throws: YAMLError.self) { try Self.parse(refusal.text) }
        #expect(error?.message == refusal.message)
        if let hint = refusal.hint { #expect(error?.hint == hint) }
        #expect(error?.exitCode == .configuration)
    }
}

@Suite struct ProjectExclusionsTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let pattern: String
        let path: String
        let isExcluded: Bool
        init(_ pattern: String, _ path: String, _ isExcluded: Bool) {
            self.pattern = pattern
            self.path = path
            self.isExcluded = isExcluded
        }
        var testDescription: String { "\(pattern) \(path)" }
    }

    @Test(arguments: [
        Case("*.txt", "a.txt", true), Case("*.txt", "deep/down/a.txt", true), Case("*.txt", "a.txt.bak", false),
        Case("raw", "raw/a.csv", true), Case("raw", "data/raw/a.csv", true), Case("raw", "raw.csv", false),
        Case("raw/", "raw/a.csv", true), Case("data/raw", "data/raw/a.csv", true),
        Case("data/raw", "more/data/raw/a.csv", false), Case("data/*.csv", "data/a.csv", true),
        Case("data/*.csv", "data/b/a.csv", false), Case("data/**/*.csv", "data/b/c/a.csv", true),
        Case("data/**/*.csv", "data/a.csv", true), Case("**/x", "x", true), Case("**/x", "a/b/x/y", true),
        Case("a/**", "a/b", true), Case("a/**", "b/a", false), Case("?.py", "é.py", true), Case("?.py", "ab.py", false),
        Case("a*b*c", "aXbYbZc", true), Case("a*b*c", "aXbY", false), Case("*", "anything", true),
        Case("x", "a/__pycache__/m.cpython-311.pyc", true), Case("x", "m.pyc", true), Case("x", ".git/config", true),
        Case("x", "a/.DS_Store", true), Case("x", ".gitignore", false),
    ])
    func matches(_ example: Case) throws {
        #expect(try ProjectExclusions([example.pattern]).excludes(example.path) == example.isExcluded)
    }

    @Test(arguments: ["", "/", "/a", "a//b", "../a", "./a", "a/..", "a**b", "!a", "{a,b}"])
    func refusesPatterns(_ pattern: String) {
        let error = #expect(throws: ProjectExclusions.InvalidPattern.self) { try ProjectExclusions([pattern]) }
        #expect(error?.pattern == pattern)
    }

    @Test func isQuickOnPatternsThatTryManyWays() throws {
        let pattern = [String](repeating: "**", count: 30).joined(separator: "/") + "/x"
        let path = [String](repeating: "a", count: 32).joined(separator: "/")
        #expect(try !ProjectExclusions([pattern]).excludes(path))
        let stars = String(repeating: "*a", count: 100) + "b"
        #expect(try !ProjectExclusions([stars]).excludes(String(repeating: "a", count: 250)))
    }
}
