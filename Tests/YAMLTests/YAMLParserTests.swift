import Diagnostics
import Testing

@testable import YAML

@Suite struct YAMLParserTests {
    @Test func keepsTheOrderOfKeysAndTheirPlaces() throws {
        let node = try YAMLParser.parse("b: 1\na:\n  - x\n  - 'y'\n", source: "f.yaml")
        let entries = try #require(node.mapping)
        #expect(entries.map(\.key) == ["b", "a"])
        #expect(entries[1].keyPosition.description == "f.yaml:2:1")
        let list = try #require(entries[1].value.sequence)
        #expect(list.map(\.string) == ["x", "y"])
        #expect(list[1].position == YAMLPosition(source: "f.yaml", line: 4, column: 5))
        #expect(list.map(\.scalar?.style) == [.plain, .quoted])
    }

    @Test(arguments: ["", "# a comment\n", "---\n", "~"])
    func readsAnEmptyDocumentAsNull(_ text: String) throws {
        #expect(try YAMLParser.parse(text, source: "f").isNull)
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        let name: String
        let text: String
        let message: String
        var hint: String?
        var testDescription: String { name }
    }

    @Test(arguments: [
        Refusal(
            name: "duplicate key",
            text: "a: 1\nb: 2\na: 3\n",
            message: "f.yaml:3:1: key \"a\" is there twice, first at line 1"
        ),
        Refusal(
            name: "duplicate key under another spelling",
            text: "{a: 1, 'a': 2}",
            message: "f.yaml:1:8: key \"a\" is there twice, first at line 1"
        ),
        Refusal(
            name: "second document",
            text: "a: 1\n---\nb: 2\n",
            message: "f.yaml:2:1: a second document starts here, only one is read"
        ),
        Refusal(
            name: "list as a key",
            text: "? [a]\n: 1\n",
            message: "f.yaml:1:3: a key must be a word, not a list or a mapping"
        ),
        Refusal(
            name: "alias of a list as a key",
            text: "- &x [a]\n- {*x : 1}\n",
            message: "f.yaml:2:4: a key must be a word, not a list or a mapping"
        ),
        Refusal(
            name: "tab as indentation",
            text: "a:\n\tb: 1\n",
            message: "f.yaml:2:1: found character that cannot start any token while scanning for the next token",
            hint: "YAML is indented with spaces, never with tabs"
        ),
        Refusal(
            name: "unclosed list",
            text: "a: [1, 2\nb: 3\n",
            message: "f.yaml:2:2: did not find expected ',' or ']' while parsing a flow sequence"
        ),
        Refusal(
            name: "control character",
            text: "a: é\u{1}\n",
            message: "f.yaml:1:5: control characters are not allowed"
        ),
        Refusal(
            name: "alias of nothing",
            text: "a: *b\n",
            message: "f.yaml:1:4: alias *b has no finished anchor before it"
        ),
        Refusal(
            name: "alias inside what it names",
            text: "a: &x [1, *x]\n",
            message: "f.yaml:1:11: alias *x has no finished anchor before it"
        ),
    ])
    func refuses(_ refusal: Refusal) {
        let error = #expect(throws: YAMLError.self) { try YAMLParser.parse(refusal.text, source: "f.yaml") }
        #expect(error?.message == refusal.message)
        #expect(error?.hint == refusal.hint)
        #expect(error?.exitCode == .configuration)
    }

    @Test func refusesBytesThatAreNoUTF8() {
        let error = #expect(throws: YAMLError.self) { try YAMLParser.parse([0x61, 0x3A, 0x20, 0xFF], source: "f") }
        #expect(error?.message.hasPrefix("f:1:4: ") == true)
    }

    @Test func expandsAliases() throws {
        let node = try YAMLParser.parse("base: &b {x: 1}\nuse: *b\n", source: "f")
        #expect(node.mapping?[1].value.mapping?.first?.value.integer == 1)
    }

    @Test func refusesAliasesThatMultiply() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let aliases = [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let error = #expect(throws: YAMLError.self) { try YAMLParser.parse(text, source: "f") }
        #expect(error?.message.hasSuffix("more than 100000 values, aliases counted in full") == true)
    }

    @Test func refusesDepthReachedThroughAliases() {
        let limits = YAMLLimits(depth: 4)
        #expect(throws: Never.self) { try YAMLParser.parse("[&a [[1]], [*a]]", source: "f", limits: limits) }
        #expect(throws: YAMLError.self) { try YAMLParser.parse("[&a [[1]], [[*a]]]", source: "f", limits: limits) }
    }

    @Test func refusesWhatIsOverALimit() {
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        let error = #expect(throws: YAMLError.self) { try YAMLParser.parse(deep, source: "f") }
        #expect(error?.message == "f:1:65: nested more than 64 levels deep")
        #expect(throws: Never.self) { try YAMLParser.parse(String(deep.dropFirst().dropLast()), source: "f") }

        let large = #expect(throws: YAMLError.self) {
            try YAMLParser.parse("abcdef", source: "f", limits: YAMLLimits(bytes: 5))
        }
        #expect(large?.message == "f:1:1: 6 bytes are more than the 5 that are read")
        let many = #expect(throws: YAMLError.self) {
            try YAMLParser.parse("[1, 2]", source: "f", limits: YAMLLimits(nodes: 2))
        }
        #expect(many?.message == "f:1:5: more than 2 values, aliases counted in full")
    }
}
