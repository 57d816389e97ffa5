import Glibc
import JSON
import Processes
import Testing

/// PyPI's `moto` as an object store on loopback, with a bucket `models` that everybody may read; for all tests of a run. It
/// ends with this process.
final class ObjectStore: @unchecked Sendable {
    // Sendable: nothing of it changes.

    static let shared = Result { try ObjectStore() }
    static let isThere: Bool = {
        guard Programs.areThere else { return false }
        let probe = try? Programs.run(Programs.python, ["-c", "import boto3, moto.server"])
        return probe?.isSuccess == true
    }()

    let url: String
    private let process: ChildProcess
    private let input: Int32

    private init() throws {
        var (inner, outer): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe(&inner) == 0, pipe(&outer) == 0 else { throw POSIXError(operation: "pipe", code: errno) }
        for descriptor in inner + outer { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        process = try ChildProcess(
            ProcessSpecification(
                program: Programs.python,
                arguments: ["\(Programs.repository)/Tests/RepositoryS3Tests/judges/s3_server.py"],
                environment: Programs.environment.merging(["PYTHONDONTWRITEBYTECODE": "1"]) { _, new in new },
                descriptors: [0: inner[0], 1: outer[1], 2: 2]
            )
        )
        input = inner[1]
        for descriptor in [inner[0], outer[1]] { close(descriptor) }
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(outer[0], &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        close(outer[0])
        guard let port = String(decoding: line, as: UTF8.self).split(separator: " ").first else {
            throw Unexpected(what: "the object store did not start")
        }
        url = "http://127.0.0.1:\(port)"
    }

    /// What programs need to write there.
    var environment: [String: String] {
        let own = ["AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"]
        return Programs.environment.merging(own) { _, new in new }
    }

    /// Runs `edgepack` in a folder.
    func run(_ words: [String], in folder: String) throws -> ProcessResult {
        try Programs.run(Programs.edgepack, words, in: folder, environment: environment)
    }

    /// The same, which must succeed; returns what it printed.
    @discardableResult
    func pack(_ words: [String], in folder: String) throws -> String {
        let result = try run(words, in: folder)
        guard result.isSuccess else {
            throw ProgramFailed(program: Programs.edgepack, arguments: words, result: result)
        }
        return result.outputText
    }

    /// What boto3 says of a bucket, or does to it.
    @discardableResult
    func boto3(_ verb: String, _ key: String) throws -> JSONValue {
        let result = try Judge.run("object_store.py", url, verb, key)
        try #require(result.isSuccess, "\(result.errorText)")
        guard verb == "list" else { return .null }
        return try JSONValue.parse(result.standardOutput, limits: .document)
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs only where there is an object store to write to.
    static var objectStore: Self {
        .enabled(if: ObjectStore.isThere, "EDGE_TOOLS_PYTHON names no Python that has moto and boto3")
    }
}
