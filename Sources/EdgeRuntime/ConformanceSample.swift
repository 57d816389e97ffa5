internal import FileSystem
internal import JSON

/// A request that travels with a bundle, and the answer that was computed when it was built.
struct ConformanceSample: Sendable {
    /// The file's name without `.json`.
    let name: String
    let target: ScoringRequest.Target
    let request: [UInt8]
    let expected: JSONValue

    /// Largest file, and most files, that are read.
    private static let sizeLimit = 64 << 20
    private static let countLimit = 10_000

    /// The samples in a folder, in the order of their names.
    static func load(_ folder: String) throws -> [ConformanceSample] {
        let names = try FileSystem.names(in: folder).filter { $0.hasSuffix(".json") }
        guard names.count <= countLimit else {
            throw RuntimeError.badSample(path: folder, problem: "there are more than \(countLimit)")
        }
        return try names.map { try ConformanceSample(path: "\(folder)/\($0)", name: String($0.dropLast(5))) }
    }

    private init(path: String, name: String) throws {
        let bytes = try FileSystem.read(path, limit: Self.sizeLimit)
        let value: JSONValue
        do {
            value = try JSONValue.parse(bytes, limits: JSONLimits(bytes: Self.sizeLimit, values: 8_000_000))
        } catch {
            throw RuntimeError.badSample(path: path, problem: error.message)
        }
        guard let request = value["request"], let expected = value["response"] else {
            throw RuntimeError.badSample(path: path, problem: "it needs the members \"request\" and \"response\"")
        }
        self.name = name
        self.expected = expected
        self.request = request.compactBytes()
        // The two protocols can't be mistaken for each other: only v2 has a list of inputs.
        target = request["inputs"]?.arrayValue == nil ? .score : .infer(headerLength: nil)
        if case .infer = target, expected["outputs"]?.arrayValue?.isEmpty ?? true {
            throw RuntimeError.badSample(path: path, problem: "its \"response\" has no outputs: anything would pass")
        }
    }

    /// Has `scorer` answer the request; what is wrong with the answer, one line each.
    func check(_ scorer: Scorer, policy: AnswerPolicy) -> [String] {
        let reply = scorer.answer(ScoringRequest(target: target, body: request, identifier: "sample-\(name)"))
        guard reply.isSuccess else {
            return ["status \(reply.status): " + String(decoding: reply.body.prefix(500), as: UTF8.self)]
        }
        let limits = JSONLimits(bytes: reply.body.count, values: max(1, reply.body.count))
        guard let answer = try? JSONValue.parse(reply.body, limits: limits) else { return ["the answer is not JSON"] }
        return policy.differences(of: answer, from: expected)
    }
}
