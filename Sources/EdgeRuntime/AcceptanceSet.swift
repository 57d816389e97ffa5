internal import FileSystem
internal import JSON

/// An endpoint's labelled data, and what is measured on it.
package struct AcceptanceSet: Sendable {
    package var metric: AcceptanceMetric
    /// The output that is judged; nil where there is one only.
    package var output: String?
    /// The file of records (docs/acceptance.md).
    package var data: String

    package init(metric: AcceptanceMetric, output: String?, data: String) {
        self.metric = metric
        self.output = output
        self.data = data
    }
}

/// What a bundle reaches on an acceptance set.
package struct AcceptanceFigure: Equatable, Sendable {
    package let metric: AcceptanceMetric
    package let value: Double
    package let records: Int
}

extension AcceptanceSet {
    private static let recordLimit = 1_000_000

    /// Has `scorer` answer every record, and compares. Throws RuntimeError with the line that can't be counted, FileError.
    func measure(_ scorer: Scorer) throws -> AcceptanceFigure {
        var tally = AcceptanceTally(metric)
        var lines = try LineReader(data)
        var records = 0
        while let line = try lines.next() {
            let number = lines.number
            // Both are for people: a file that ends with an empty line, or has some between its parts.
            if line.isEmpty { continue }
            records += 1
            guard records <= Self.recordLimit else {
                throw RuntimeError.badRecord(path: data, line: number, problem: "more than \(Self.recordLimit) records")
            }
            let record = try AcceptanceRecord(line, path: data, line: number)
            let reply = scorer.answer(record.request(for: scorer, line: number))
            guard reply.isSuccess else {
                let problem = String(decoding: reply.body.prefix(500), as: UTF8.self)
                throw RuntimeError.recordNotAnswered(path: data, line: number, status: reply.status, problem: problem)
            }
            do throws(AcceptanceTally.Mismatch) {
                try tally.add(answers: try judged(reply), labels: AnswerOutputs.flatten(record.label).values)
            } catch {
                throw RuntimeError.badRecord(path: data, line: number, problem: error.problem)
            }
        }
        guard let value = tally.value else {
            throw RuntimeError.badRecord(path: data, line: 1, problem: "there is no record")
        }
        return AcceptanceFigure(metric: metric, value: value, records: records)
    }

    /// The values of the output that is judged.
    private func judged(_ reply: ScoringReply) throws(AcceptanceTally.Mismatch) -> [JSONValue] {
        let limits = JSONLimits(bytes: reply.body.count, values: max(1, reply.body.count))
        guard let answer = try? JSONValue.parse(reply.body, limits: limits) else {
            throw .init("the answer is not JSON")
        }
        let outputs = AnswerOutputs.read(answer)
        let names = outputs.keys.sorted().joined(separator: ", ")
        if let output {
            guard let found = outputs[output] else { throw .init("the answer has no output \(output), but \(names)") }
            return found.values
        }
        guard outputs.count == 1, let only = outputs.first else {
            throw .init("which output is judged must be named: the answer has \(names)")
        }
        return only.value.values
    }
}

/// One line of labelled data: `inputs`, as a request has them, and `label`.
struct AcceptanceRecord {
    let inputs: JSONValue
    let label: JSONValue

    /// The most bytes of a line.
    static let lineLimit = 16 << 20

    init(_ line: [UInt8], path: String, line number: Int) throws(RuntimeError) {
        let value: JSONValue
        do {
            value = try JSONValue.parse(line, limits: JSONLimits(bytes: Self.lineLimit))
        } catch {
            throw .badRecord(path: path, line: number, problem: error.message)
        }
        guard let inputs = value["inputs"], let label = value["label"] else {
            throw .badRecord(path: path, line: number, problem: "it needs the members \"inputs\" and \"label\"")
        }
        self.inputs = inputs
        self.label = label
    }

    /// The request: to a model with a list of tensors one of the Open Inference Protocol, else one to /score.
    func request(for scorer: Scorer, line: Int) -> ScoringRequest {
        let identifier = "acceptance-\(line)"
        if case .native = scorer, inputs.arrayValue != nil {
            let body = JSONValue.object(["inputs": inputs]).compactBytes()
            return ScoringRequest(target: .infer(headerLength: nil), body: body, identifier: identifier)
        }
        return ScoringRequest(target: .score, body: inputs.compactBytes(), identifier: identifier)
    }
}

/// The lines of a file, one in memory at a time.
struct LineReader: ~Copyable {
    private let file: File
    private var buffer: [UInt8] = []
    /// Where the next line begins in the buffer.
    private var start = 0
    private var isAtEnd = false
    /// The number of the line that was returned last, from 1.
    private(set) var number = 0

    init(_ path: String) throws(FileError) { file = try File.open(path) }

    /// The next line without its end, nil behind the last one. Throws `badRecord` for one that is too long, FileError.
    mutating func next() throws -> [UInt8]? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                number += 1
                defer { start = end + 1 }
                return Array(buffer[start..<end])
            }
            searched = buffer.count
            guard searched - start <= AcceptanceRecord.lineLimit else {
                let problem = "it has more than \(AcceptanceRecord.lineLimit) bytes"
                throw RuntimeError.badRecord(path: file.path, line: number + 1, problem: problem)
            }
            if isAtEnd {
                guard start < buffer.count else { return nil }
                number += 1
                defer { start = buffer.count }
                return Array(buffer[start...])
            }
            searched -= start
            buffer.removeFirst(start)
            start = 0
            try fill()
        }
    }

    private mutating func fill() throws(FileError) {
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        let count = try read(into: &piece)
        if count == 0 { isAtEnd = true }
        buffer += piece[..<count]
    }

    private func read(into piece: inout [UInt8]) throws(FileError) -> Int {
        let outcome = piece.withUnsafeMutableBytes { bytes in
            Result { () throws(FileError) in try file.read(into: bytes) }
        }
        return try outcome.get()
    }
}
