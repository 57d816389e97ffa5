package import BundleManifest
package import Diagnostics

/// Why a bundle can't be served or checked; errors of ONNX Runtime and of scripts come as their own.
package enum RuntimeError: ExplainedError, Equatable {
    case notFound(path: String)
    case notServable(path: String, problem: String)
    case manifest(path: String, ManifestError)
    case otherPlatform(path: String, needs: String, problem: String)
    /// No ONNX Runtime was named, and none was found beside this machine's Python.
    case noLibrary
    case badSample(path: String, problem: String)
    case noSamples(path: String)
    /// A line of labelled data that is no record, or whose answer can't be compared with its label.
    case badRecord(path: String, line: Int, problem: String)
    /// The model answered a record of labelled data with an error; `status` is the one that HTTP would have.
    case recordNotAnswered(path: String, line: Int, status: UInt16, problem: String)
    case badAcceptance(path: String, problem: String)
    /// The answers to the warm-up samples are not those that were computed when the bundle was built.
    case warmUpFailed(problem: String)
    /// A single request got an error for an answer; `status` is the one that HTTP would have.
    case notAnswered(status: UInt16, problem: String)
    case badOption(String)

    package var message: String {
        switch self {
        case .notFound(let path): "\(path) does not exist"
        case .notServable(let path, let problem): "\(path) can't be served: it \(problem)"
        case .manifest(let path, let error): "\(path): \(error.message)"
        case .otherPlatform(let path, let needs, let problem): "\(path) is for \(needs): \(problem)"
        case .noLibrary: "no ONNX Runtime is there to run the model"
        case .badSample(let path, let problem): "\(path) is no conformance sample: \(problem)"
        case .noSamples(let path): "\(path) has no conformance samples to check"
        case .badRecord(let path, let line, let problem): "\(path), line \(line): \(problem)"
        case .recordNotAnswered(let path, let line, let status, let problem):
            "\(path), line \(line): the model answered with \(status): \(problem)"
        case .badAcceptance(let path, let problem): "\(path) can't be measured: \(problem)"
        case .warmUpFailed(let problem): "the model answers its own samples wrongly on this machine: \(problem)"
        case .notAnswered(let status, let problem): "the request was answered with \(status): \(problem)"
        case .badOption(let problem): problem
        }
    }

    package var hint: String? {
        switch self {
        case .notFound, .badSample, .badAcceptance, .notAnswered, .recordNotAnswered, .badOption: nil
        case .badRecord: "a record is one line, {\"inputs\": …, \"label\": …}: see docs/acceptance.md"
        case .notServable: "give an extracted bundle, an .onnx file, or a folder with score.py"
        case .manifest(_, let error): error.hint
        case .otherPlatform: "build the bundle for this machine's profile: edgepack build --device PROFILE"
        case .noLibrary: "name one with --onnxruntime PATH, or install the Python package onnxruntime"
        case .noSamples: "record some with: edgepack test --record PROJECT"
        case .warmUpFailed: "look at the differences with: edgeruntime check; serve all the same with --no-warm-up"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notFound: .noInput
        case .notServable, .badSample, .badRecord: .dataError
        case .badAcceptance: .incompatible
        case .recordNotAnswered(_, _, let status, _): (400..<500).contains(status) ? .dataError : .failed
        case .manifest(_, let error): error.exitCode
        case .otherPlatform: .incompatible
        case .noLibrary: .unavailable
        case .noSamples: .noInput
        case .warmUpFailed: .checkFailed
        case .notAnswered(let status, _): (400..<500).contains(status) ? .dataError : .failed
        case .badOption: .usage
        }
    }
}
