import FileSystem
import Glibc
import HTTPClient
import Processes
import RepositoryS3
import Testing
import UpdateFramework

/// An object store on loopback: PyPI's `moto`, run by the Python that EDGE_TOOLS_PYTHON names, with faults to order.
/// It ends with this process.
final class ObjectStore: @unchecked Sendable {
    // Sendable: nothing of it changes.

    private let process: ChildProcess
    private let input: Int32
    let url: String
    let credentials: S3Credentials
    /// Others, which are good for a session.
    let lent: S3Credentials?

    /// Takes any signature. Nil where there is no Python that has it, which is said once.
    static let shared = start([])
    /// Takes only requests that are signed as they must be.
    static let strict = start(["--check-signatures"])
    static let reason: Comment = "EDGE_TOOLS_PYTHON names no Python that has moto and boto3"

    private static let python: String? = {
        guard let python = getenv("EDGE_TOOLS_PYTHON").map({ String(cString: $0) }) else {
            print("not judged by moto: EDGE_TOOLS_PYTHON names no Python that has it")
            return nil
        }
        let probe = try? Processes.run(python, arguments: ["-c", "import boto3, moto.server"])
        guard probe?.isSuccess == true else {
            print("not judged by moto: \(python) can't import moto and boto3")
            return nil
        }
        return python
    }()

    static func judge(_ script: String, input: String) throws -> ProcessResult? {
        guard let python else { return nil }
        return try Processes.run(
            python,
            arguments: [path(of: script)],
            environment: environment,
            input: Array(input.utf8),
            outputLimitBytes: 64 << 20
        )
    }

    private static func path(of script: String) -> String { "\(FileSystem.parent(of: #filePath))/judges/\(script)" }
    private static let environment = ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"]

    private static func start(_ arguments: [String]) -> ObjectStore? {
        guard let python else { return nil }
        do {
            return try ObjectStore(python, arguments)
        } catch {
            Issue.record(error, "moto did not start")
            return nil
        }
    }

    private init(_ python: String, _ arguments: [String]) throws {
        var (inner, outer): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        try #require(pipe(&inner) == 0 && pipe(&outer) == 0)
        for descriptor in inner + outer { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        defer { for descriptor in [inner[0], outer[0], outer[1]] where descriptor >= 0 { close(descriptor) } }
        process = try ChildProcess(
            ProcessSpecification(
                program: python,
                arguments: [Self.path(of: "s3_server.py")] + arguments,
                environment: Self.environment,
                descriptors: [0: inner[0], 1: outer[1], 2: 2]
            )
        )
        input = inner[1]
        close(outer[1])
        outer[1] = -1
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(outer[0], &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ").map(String.init)
        try #require(words.count == 3 || words.count == 6)
        url = "http://127.0.0.1:\(words[0])"
        credentials = S3Credentials(accessKey: words[1], secretKey: words[2])
        lent = words.count > 5 ? S3Credentials(accessKey: words[3], secretKey: words[4], sessionToken: words[5]) : nil
    }

    var configuration: S3Configuration {
        S3Configuration(endpoint: url, region: "us-east-1", credentials: credentials)
    }

    /// A storage at a place of its own.
    func storage(
        _ prefix: String,
        bucket: String = "models",
        _ change: (inout S3Configuration) -> Void = { _ in },
        pause: @escaping (Duration) -> Void = { _ in }
    ) throws -> S3Storage {
        var configuration = configuration
        change(&configuration)
        return try S3Storage(S3Location(bucket: bucket, prefix: prefix), configuration, pause: pause)
    }

    /// What requests that come now meet, as `s3_server.py` says.
    func fail(_ faults: String) throws {
        let request = HTTPClientRequest(.put, "\(url)/-/faults", body: Array("[\(faults)]".utf8))
        try #require(try HTTPClient().send(request, limitBytes: 1 << 20, timeout: .seconds(30)).isSuccess)
    }

    /// What was asked of paths below a prefix: method, path, query, length.
    func log(_ prefix: String) throws -> [[String]] {
        let request = HTTPClientRequest(.get, "\(url)/-/log?/models/\(prefix)")
        let answer = try HTTPClient().send(request, limitBytes: 1 << 22, timeout: .seconds(30))
        return String(decoding: answer.body, as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }
}

func path(_ components: String...) -> RepositoryPath { RepositoryPath(components: components) }
