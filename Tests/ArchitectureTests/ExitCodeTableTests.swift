import Diagnostics
import Testing

@Suite struct ExitCodeTableTests {
    /// A row of the table: `| 65 | meaning |`.
    private struct Row: Equatable, CustomStringConvertible {
        let code: Int32
        let meaning: String

        var description: String { "\(code): \(meaning)" }
    }

    @Test func theDocumentHoldsEveryCodeOfTheEnumAndNoOther() throws {
        let documented = try Self.rows(of: Repository.text("docs/exit-codes.md"))
        #expect(documented == ExitCode.allCases.map { Row(code: $0.rawValue, meaning: $0.meaning) })
    }

    @Test func ownCodesStayInTheirBandAndNoneIsUsedTwice() {
        // sysexits.h: 64 to 78. The shell takes 126 and up.
        for code in ExitCode.allCases {
            #expect([0...1, 10...59, 64...78].contains { $0.contains(code.rawValue) }, "\(code)")
        }
        #expect(Set(ExitCode.allCases.map(\.rawValue)).count == ExitCode.allCases.count)
    }

    private static func rows(of document: String) -> [Row] {
        document.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.drop { $0 == " " } }
            guard line.hasPrefix("|"), cells.count >= 2, let code = Int32(cells[0].filter { $0 != " " }) else {
                return nil
            }
            var meaning = String(cells[1])
            while meaning.hasSuffix(" ") { meaning.removeLast() }
            return Row(code: code, meaning: meaning)
        }
    }
}
