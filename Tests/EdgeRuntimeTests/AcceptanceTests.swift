import Diagnostics
import FileSystem
import JSON
import Testing

@testable import EdgeRuntime

@Suite struct AcceptanceTests {
    private func tally(_ metric: AcceptanceMetric, _ pairs: [(answer: JSONValue, label: JSONValue)]) throws -> Double? {
        var tally = AcceptanceTally(metric)
        for pair in pairs {
            try tally.add(
                answers: AnswerOutputs.flatten(pair.answer).values,
                labels: AnswerOutputs.flatten(pair.label).values
            )
        }
        return tally.value
    }

    private func number(_ value: Double) throws -> JSONValue { .number(try JSONNumber(value)) }

    // MARK: - Metrics

    @Test func accuracyIsTheShareOfLabelsThatWereAnswered() throws {
        #expect(try tally(.accuracy, [([7], 7), ([1], 2), ([[3], [4]], [3, 4])]) == 0.75)
        #expect(try tally(.accuracy, [("cat", "cat"), ("dog", "cat"), (true, true), (true, 1)]) == 0.75)
        #expect(try tally(.accuracy, [(1, "1")]) == 0)
        #expect(try tally(.accuracy, []) == nil)
    }

    @Test func scoresAreTheClassOfTheGreatest() throws {
        let scores: JSONValue = [try number(0.1), try number(0.7), try number(0.2)]
        let tie: JSONValue = [try number(0.5), try number(0.5)]
        #expect(try tally(.accuracy, [([scores], 1)]) == 1)
        #expect(try tally(.accuracy, [([scores, scores], [1, 2])]) == 0.5)
        #expect(try tally(.accuracy, [(tie, 0), (tie, 1)]) == 0.5)
        #expect(try tally(.accuracy, [([try number(-3), try number(-5)], 0)]) == 1)
    }

    @Test func f1IsTheMeanOverTheClasses() throws {
        // Class 0: 2 right, 1 missed: 4/5. Class 1: 1 right, 1 wrongly answered: 2/3. Class 2 was only answered: 0.
        let pairs: [(JSONValue, JSONValue)] = [(0, 0), (0, 0), (1, 0), (1, 1), (2, 3), (3, 3)]
        let found = try #require(try tally(.f1, pairs))
        let expected = (4.0 / 5 + 2.0 / 3 + 0 + 2.0 / 3) / 4
        #expect((found - expected).magnitude < 1e-12)
    }

    @Test func errorsOfNumbersAreMeansOverAllValues() throws {
        let pairs: [(JSONValue, JSONValue)] = [([1, 2], [1, 5]), (10, 6)]
        #expect(try tally(.mae, pairs) == 7.0 / 3)
        #expect(try tally(.rmse, pairs) == (25.0 / 3).squareRoot())
    }

    @Test(
        arguments: [
            (.accuracy, [1, 2], [1, 2, 3]), (.accuracy, [], 1), (.accuracy, 1, []), (.accuracy, nil, 1),
            (.accuracy, [1, 2], "cat"), (.accuracy, [1, "x"], 1), (.mae, [1, 2], 1), (.mae, "x", 1), (.rmse, 1, "x"),
            (.f1, 1, .null),
        ] as [(AcceptanceMetric, JSONValue?, JSONValue)]
    )
    func whatCanNotBeComparedIsRefused(metric: AcceptanceMetric, answer: JSONValue?, label: JSONValue) {
        #expect(throws: AcceptanceTally.Mismatch.self) { try tally(metric, [(answer ?? .null, label)]) }
    }

    @Test func differencesThatGrowBeyondNumbersAreRefused() throws {
        let huge = try number(1e200)
        #expect(throws: AcceptanceTally.Mismatch.self) { try tally(.rmse, [(huge, 0)]) }
    }

    // MARK: - Records

    @Test(
        arguments: [
            #"{"inputs": 1}"#, #"{"label": 1}"#, "[1]", "{", #"{"inputs": 1, "label": 1} x"#, "\u{fffd}",
        ]
    )
    func aLineThatIsNoRecordIsRefusedByItsNumber(line: String) {
        let error = #expect(throws: RuntimeError.self) {
            try AcceptanceRecord(Array(line.utf8), path: "data", line: 7)
        }
        #expect(error?.message.hasPrefix("data, line 7: ") == true)
        #expect(error?.exitCode == .dataError)
    }

    private func lines(of bytes: [UInt8]) throws -> [String] {
        let folder = try TemporaryDirectory(in: "/tmp", prefix: "edge-lines-")
        let path = "\(folder.path)/data"
        try FileSystem.write(bytes, to: path)
        var reader = try LineReader(path)
        var lines: [String] = []
        while let line = try reader.next() {
            lines.append(String(decoding: line, as: UTF8.self))
            #expect(reader.number == lines.count)
        }
        return lines
    }

    @Test func linesAreReadWhereverTheirEndsFall() throws {
        #expect(try lines(of: []) == [])
        #expect(try lines(of: Array("one".utf8)) == ["one"])
        #expect(try lines(of: Array("one\n".utf8)) == ["one"])
        #expect(try lines(of: Array("\none\n\ntwo".utf8)) == ["", "one", "", "two"])
        // Longer than what is read at once, by a little and by a lot.
        for length in [(1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3 << 18] {
            let long = String(repeating: "x", count: length)
            #expect(try lines(of: Array("\(long)\nnext\n\(long)".utf8)) == [long, "next", long])
        }
    }

    @Test func aLineThatIsTooLongIsRefused() throws {
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: AcceptanceRecord.lineLimit + (1 << 19))
        let error = #expect(throws: RuntimeError.self) { try lines(of: Array("a\n".utf8) + long) }
        #expect(error?.message.contains("line 2: it has more than") == true)
    }
}
