import Diagnostics
import Testing

@testable import YAML

@Suite struct YAMLFieldsTests {
    enum Kind: String, CaseIterable { case values, labels }

    private static let text = """
        name: digits
        version: 1.10
        size: 64MiB
        wait: 30s
        count: 3
        share: 0.5
        enabled: true
        kind: labels
        devices: [a, b]
        only: a
        nothing:
        variables: {B: 1, A: two}
        outputs:
          first: {atol: 0.1}
          second: {atol: 0.2}
        nested: {inner: {leaf: x}}

        """

    private func fields(_ text: String = Self.text) throws -> YAMLFields {
        try YAMLFields(try YAMLParser.parse(text, source: "bundle.yaml"))
    }

    @Test func readsEveryType() throws {
        let fields = try fields()
        #expect(try fields.string("name") == "digits")
        #expect(try fields.string("version") == "1.10")
        #expect(try fields.bytes("size", in: 0...Int.max) == 64 << 20)
        #expect(try fields.duration("wait", in: .zero ... .seconds(60)) == .seconds(30))
        #expect(try fields.integer("count", in: 1...3) == 3)
        #expect(try fields.number("share", in: 0...1) == 0.5)
        #expect(try fields.boolean("enabled"))
        #expect(try fields.choice("kind", Kind.self) == .labels)
        #expect(try fields.strings("devices") == ["a", "b"])
        #expect(try fields.strings("only") == ["a"])
        #expect(try fields.stringIfPresent("nothing") == nil)
        #expect(try fields.stringIfPresent("absent") == nil)
        #expect(try fields.stringMapIfPresent("variables")?.map { "\($0.key)=\($0.value)" } == ["B=1", "A=two"])
        let outputs = try #require(try fields.fieldsByNameIfPresent("outputs"))
        #expect(outputs.map(\.name) == ["first", "second"])
        #expect(try outputs[1].fields.number("atol", in: 0...1) == 0.2)
        #expect(try fields.fields("nested").fields("inner").string("leaf") == "x")
        #expect(throws: Never.self) { try fields.refuseUnknown() }
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        let text: String
        let message: String
        var hint: String?
        let read: @Sendable (YAMLFields) throws -> Void
        var testDescription: String { message }
    }

    @Test(arguments: [
        Refusal(text: "a: 1", message: "bundle.yaml:1:1: name is missing") { _ = try $0.string("name") },
        Refusal(text: "nmae: 1", message: "bundle.yaml:1:1: unknown key \"nmae\"", hint: "did you mean \"name\"?") {
            _ = try $0.string("name")
        },
        Refusal(text: "a: {b: 1}", message: "bundle.yaml:1:4: a.name is missing") {
            _ = try $0.fields("a").string("name")
        },
        Refusal(text: "name: [a]", message: "bundle.yaml:1:7: name: expected a text, found a list") {
            _ = try $0.string("name")
        },
        Refusal(text: "n: x", message: "bundle.yaml:1:4: n: expected a whole number, found 'x'") {
            _ = try $0.integer("n", in: 0...9)
        },
        Refusal(text: "n: 10", message: "bundle.yaml:1:4: n: 10 is not between 0 and 9") {
            _ = try $0.integer("n", in: 0...9)
        },
        Refusal(text: "n: '1'", message: "bundle.yaml:1:4: n: expected a whole number, found '1'") {
            _ = try $0.integer("n", in: 0...9)
        },
        Refusal(text: "b: yes", message: "bundle.yaml:1:4: b: expected true or false, found 'yes'") {
            _ = try $0.boolean("b")
        },
        Refusal(
            text: "s: 64Mb",
            message: "bundle.yaml:1:4: s: '64Mb' is not a size such as 64MiB, 1.5GB or a number of bytes"
        ) { _ = try $0.bytes("s", in: 0...1) },
        Refusal(text: "s: 2GiB", message: "bundle.yaml:1:4: s: 2GiB is not between 1KiB and 1GiB") {
            _ = try $0.bytes("s", in: 1024...1 << 30)
        },
        Refusal(text: "d: 30", message: "bundle.yaml:1:4: d: '30' has no unit (ms, s, m, h or d)") {
            _ = try $0.duration("d", in: .zero ... .seconds(1))
        },
        Refusal(text: "d: 2m", message: "bundle.yaml:1:4: d: 2m is not between 0 and 1s") {
            _ = try $0.duration("d", in: .zero ... .seconds(1))
        },
        Refusal(
            text: "k: label",
            message: "bundle.yaml:1:4: k: 'label' is not one of values, labels",
            hint: "did you mean \"labels\"?"
        ) { _ = try $0.choice("k", Kind.self) },
        Refusal(text: "l: [a, [b]]", message: "bundle.yaml:1:8: l: expected a text, found a list") {
            _ = try $0.strings("l")
        },
        Refusal(text: "m: {a: [b]}", message: "bundle.yaml:1:8: m.a: expected a text, found a list") {
            _ = try $0.stringMapIfPresent("m")
        },
        Refusal(text: "m: 7", message: "bundle.yaml:1:4: m: expected a mapping, found '7'") { _ = try $0.fields("m") },
        Refusal(
            text: "scoring: 1\nscoring_scritp: x",
            message: "bundle.yaml:2:1: unknown key \"scoring_scritp\"",
            hint: "did you mean \"scoring_script\"?\nknown keys here: scoring, scoring_script, code"
        ) {
            for key in ["scoring", "scoring_script", "code"] { _ = $0.nodeIfPresent(key) }
            try $0.refuseUnknown()
        },
        Refusal(text: "e: {zzz: 1}", message: "bundle.yaml:1:5: unknown key \"e.zzz\"", hint: "known keys here: python")
        {
            let nested = try $0.fields("e")
            _ = try nested.stringIfPresent("python")
            try nested.refuseUnknown()
        },
    ])
    func refuses(_ refusal: Refusal) throws {
        let fields = try fields(refusal.text)
        let error = #expect(throws: YAMLError.self) { try refusal.read(fields) }
        #expect(error?.message == refusal.message)
        #expect(error?.hint == refusal.hint)
        #expect(error?.exitCode == .configuration)
    }

    @Test func refusesADocumentThatIsNoMapping() throws {
        let error = #expect(throws: YAMLError.self) { try fields("") }
        #expect(error?.message == "bundle.yaml:1:1: expected a mapping, found nothing")
    }
}
