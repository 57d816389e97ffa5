package import Diagnostics
internal import FileSystem
package import JSON
package import Processes

/// A sample of a project: a request and, once it is recorded, the answer that every box must give.
struct ProjectSample {
    private static let sizeLimit = 64 << 20

    private let path: String
    /// The whole file; members other than the two are its author's.
    var object: JSONObject
    let request: JSONValue

    /// Reads `{"request": …}`, with or without a `response`. Throws `SampleError` or `FileError`.
    init(_ path: String) throws {
        let bytes = try FileSystem.read(path, limit: Self.sizeLimit)
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(bytes, limits: JSONLimits(bytes: Self.sizeLimit, values: 8_000_000))
        } catch {
            throw SampleError.malformed(path: path, error)
        }
        guard let object = value.objectValue, let request = object["request"] else {
            throw SampleError.noRequest(path: path)
        }
        self.path = path
        self.object = object
        self.request = request
    }

    /// Throws where no answer is recorded: a bundle with such a sample is refused by every box.
    func requireResponse(in project: String) throws(SampleError) {
        guard object["response"] != nil else { throw .noResponse(path: path, project: project) }
    }
}

/// What is wrong with a sample.
package enum SampleError: ExplainedError, Equatable {
    case malformed(path: String, JSONError)
    case noRequest(path: String)
    /// It is to be packed, and nobody has said what the answer must be.
    case noResponse(path: String, project: String)
    /// It lies in a folder below the one of the samples, where no box looks for it.
    case inFolder(path: String)
    /// The runtime could not answer its request.
    case notAnswered(path: String, ProcessResult)

    package var message: String {
        switch self {
        case .malformed(let path, let error): "\(path): \(error.message)"
        case .noRequest(let path): "\(path) has no member \"request\""
        case .noResponse(let path, _): "\(path) has no member \"response\""
        case .inFolder(let path): "\(path) would never be checked: samples lie at the top of samples.path"
        case .notAnswered(let path, let result): "\(path) can't be answered:\n" + result.lastWords
        }
    }

    package var hint: String? {
        switch self {
        case .malformed, .noRequest: "a sample is {\"request\": BODY}; recording adds the \"response\""
        case .noResponse(_, let project): "`edgepack test --record \(project)` computes it"
        case .inFolder: "move it up, or leave it out with exclude: in bundle.yaml"
        case .notAnswered: "nothing was recorded"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .malformed, .noRequest, .noResponse: .dataError
        case .inFolder: .configuration
        case .notAnswered(_, let result): result.exitCode
        }
    }
}
