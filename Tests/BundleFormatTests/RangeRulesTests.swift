import BundleFormat
import Testing

@Suite struct RangeRulesTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var gap = 10
        var count = 64
        var percent = 80
        let pieces: [Range<Int>]
        var whole = 100_000
        let ranges: [Range<Int>]
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "nothing", pieces: [], ranges: []),
        Case(name: "one", pieces: [5..<9], ranges: [5..<9]),
        Case(name: "neighbours", pieces: [5..<9, 9..<12], ranges: [5..<12]),
        Case(name: "a gap as wide as may be", pieces: [0..<10, 20..<30], ranges: [0..<30]),
        Case(name: "a gap too wide", pieces: [0..<10, 21..<30], ranges: [0..<10, 21..<30]),
        Case(name: "a chain of gaps", pieces: [0..<10, 20..<30, 40..<50], ranges: [0..<50]),
        Case(name: "no gap at all", gap: 0, pieces: [0..<10, 10..<20, 21..<30], ranges: [0..<20, 21..<30]),
        Case(
            name: "the smallest gap is filled first",
            count: 2,
            pieces: [0..<10, 100..<110, 150..<160, 300..<310],
            ranges: [0..<160, 300..<310]
        ),
        Case(
            name: "one range is what one range may be",
            count: 1,
            pieces: [7..<10, 100..<110, 300..<310],
            ranges: [7..<310]
        ),
        Case(name: "no range is taken for one", count: 0, pieces: [7..<10, 100..<110], ranges: [7..<110]),
        Case(
            name: "of equal gaps the first stays open",
            count: 2,
            pieces: [0..<1, 100..<101, 200..<201],
            ranges: [0..<1, 100..<201]
        ),
        Case(name: "just the share", pieces: [0..<400, 500..<900], whole: 1000, ranges: [0..<400, 500..<900]),
        Case(name: "more than the share", pieces: [50..<450, 499..<900], whole: 1000, ranges: [50..<900]),
    ]

    @Test(arguments: cases) func joins(_ example: Case) {
        var rules = RangeRules()
        rules.gapBytes = example.gap
        rules.rangeCount = example.count
        rules.wholePercent = example.percent
        #expect(rules.ranges(covering: example.pieces, of: example.whole) == example.ranges)
    }
}
