import Testing

@testable import YAML

@Suite struct YAMLNodeTypesTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let resolved: YAMLNode.Resolved?
        init(_ text: String, _ resolved: YAMLNode.Resolved?) {
            self.text = text
            self.resolved = resolved
        }
        var testDescription: String { text }
    }

    @Test(arguments: [
        Case("true", .boolean(true)), Case("false", .boolean(false)), Case("True", .string("True")),
        Case("yes", .string("yes")), Case("on", .string("on")), Case("NO", .string("NO")),
        Case("'true'", .string("true")),
        Case("0", .integer(0)), Case("-12", .integer(-12)), Case("+12", .integer(12)), Case("0x1F", .integer(31)),
        Case("0o17", .integer(15)), Case("017", .integer(17)), Case("0x-5", .string("0x-5")), Case("0x", .string("0x")),
        Case("1_000", .string("1_000")), Case("1:30", .string("1:30")), Case("\"12\"", .string("12")),
        Case("9223372036854775807", .integer(.max)), Case("9223372036854775808", .number(9_223_372_036_854_775_808)),
        Case("1.5", .number(1.5)), Case("-1.5e3", .number(-1500)), Case(".5", .number(0.5)), Case("1.", .number(1)),
        Case("1.e2", .number(100)), Case("-.5", .number(-0.5)), Case("1e400", .string("1e400")),
        Case("nan", .string("nan")), Case(".nan", .string(".nan")), Case(".inf", .string(".inf")),
        Case("infinity", .string("infinity")), Case("0x1p3", .string("0x1p3")), Case("+-5", .string("+-5")),
        Case(".", .string(".")), Case("e5", .string("e5")), Case("1.2.3", .string("1.2.3")),
        Case("null", .null), Case("~", .null), Case("Null", .null), Case("'~'", .string("~")),
        Case("|\n  7\n", .string("7\n")),
        Case("!!str 7", .string("7")), Case("! 7", .string("7")), Case("!!int '7'", .integer(7)), Case("!!int x", nil),
        Case("!!bool 'true'", .boolean(true)), Case("!!float '1'", .number(1)), Case("!mine 7", nil), Case("[1]", nil),
    ])
    func resolvesByTheCoreSchema(_ example: Case) throws {
        #expect(try YAMLParser.parse(example.text, source: "f").resolved == example.resolved)
    }

    @Test func readsInfinityAndNotANumberOnlyWhenAsked() throws {
        let node = try YAMLParser.parse("[.inf, -.inf, .nan, -.nan]", source: "f")
        let numbers = try #require(node.sequence)
        #expect(numbers.map { $0.number() } == [nil, nil, nil, nil])
        #expect(numbers[0].number(allowingNonFinite: true) == .infinity)
        #expect(numbers[1].number(allowingNonFinite: true) == -.infinity)
        #expect(numbers[2].number(allowingNonFinite: true)?.isNaN == true)
        #expect(numbers[3].number(allowingNonFinite: true) == nil)
    }

    @Test func givesTheTextOfAScalarAsWritten() throws {
        let node = try YAMLParser.parse("[3.10, yes, true, '', null, [a], !mine x]", source: "f")
        #expect(node.sequence?.map(\.string) == ["3.10", "yes", "true", "", nil, nil, nil])
    }
}
