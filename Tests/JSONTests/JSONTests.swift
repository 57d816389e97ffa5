import JSON
import Testing

private func parse(_ text: String, depth: Int = 64, values: Int = 1000) throws -> JSONValue {
    try JSONValue.parse(Array(text.utf8), limits: JSONLimits(bytes: 4096, depth: depth, values: values))
}

@Suite struct JSONValueTests {
    @Test(arguments: [
        "null", "true", "0", "-0.5e+3", "\"\"", "[]", "{}", #"{"a":[1,{"b":null}],"c":"d"}"#, "18446744073709551616",
        "1.10", #""\ud83d\ude00 é""#,
    ])
    func writesWhatItRead(_ text: String) throws {
        let value = try parse(" \n\(text)\t")
        #expect(try parse(String(decoding: value.compactBytes(), as: UTF8.self)) == value)
        #expect(try parse(String(decoding: value.prettyBytes(), as: UTF8.self)) == value)
    }

    @Test func keepsNumbersAsWritten() throws {
        #expect(String(decoding: try parse("[1.10,1e2,-0]").compactBytes(), as: UTF8.self) == "[1.10,1e2,-0]")
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "[1 2]", "{\"a\" 1}", "{\"a\":1,}", "{a:1}", "01", "-", "1.", ".5", "1e", "+1", "tru",
        "nul",
        "\"\u{1}\"", #""\x""#, #""\u12""#, #""\ud800""#, #""\ud800A""#, #""\udc00""#, "\"", "[1]]", "1 2", "[", "NaN",
        "'a'", "{\"a\":1 \"b\":2}", "//", "[\"a\":1]", "{1:2}", "}",
    ])
    func refusesMalformedText(_ text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test func refusesInvalidUTF8() {
        #expect(throws: JSONError.invalidText(offset: 1)) {
            try JSONValue.parse([0x22, 0xC3, 0x28, 0x22], limits: .document)
        }
    }

    @Test func refusesDuplicateNamesHoweverSpelled() {
        #expect(throws: JSONError.duplicateName("a", offset: 8)) { try parse(#"{"a":1,"\u0061":2}"#) }
    }

    @Test func tellsNamesApartByTheirBytes() throws {
        let value = try parse("{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(value["\u{E9}"] == 1)
        #expect(value["e\u{301}"] == 2)
    }

    @Test func holdsItsLimits() throws {
        #expect(throws: JSONError.tooDeep(limit: 2, offset: 2)) { try parse("[[[]]]", depth: 2) }
        #expect(throws: JSONError.tooManyValues(limit: 3)) { try parse("[1,2,3]", values: 3) }
        #expect(throws: JSONError.tooLarge(bytes: 5000, limit: 4096)) { try parse(String(repeating: " ", count: 5000)) }
        #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 100), depth: 100) }
    }

    @Test func resolvesEscapes() throws {
        #expect(try parse(#""a\"\\\/\b\f\n\r\té\ud83d\ude00""#).stringValue == "a\"\\/\u{8}\u{C}\n\r\té😀")
    }

    @Test func comparesObjectsWithoutOrder() throws {
        #expect(try parse(#"{"a":1,"b":2}"#) == parse(#"{"b":2,"a":1}"#))
        #expect(try parse(#"{"a":1,"b":2}"#) != parse(#"{"b":2,"a":2}"#))
    }
}

@Suite struct CanonicalFormTests {
    /// A search for each member among all of the other would take minutes here.
    @Test func largeObjectsInAnotherOrderAreCompared() {
        let members = (0..<50_000).map { ("name \($0)", JSONValue.integer($0)) }
        var changed = members
        changed[7].1 = 0
        #expect(JSONObject(members) == JSONObject(members.reversed()))
        #expect(JSONObject(members) != JSONObject(changed.reversed()))
    }

    /// RFC 8785 appendix B, and what ECMAScript prints for its neighbours.
    @Test(arguments: [
        (0.0, "0"), (-0.0, "0"), (.leastNonzeroMagnitude, "5e-324"), (-.leastNonzeroMagnitude, "-5e-324"),
        (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (9_007_199_254_740_992, "9007199254740992"),
        (0x1p68, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"), (1e23, "1e+23"),
        (1.0000000000000001e23, "1.0000000000000001e+23"),
        (1e21, "1e+21"), (9.999999999999997e-7, "9.999999999999997e-7"),
        (0.000001, "0.000001"), (333333333.3333332, "333333333.3333332"), (1e-5, "0.00001"), (0.1, "0.1"),
        (-1.5, "-1.5"),
        (100, "100"), (1e-7, "1e-7"), (123456.789, "123456.789"),
    ])
    func printsNumbersAsECMAScript(_ value: Double, _ expected: String) throws {
        #expect(try JSONNumber(value).text == expected)
    }

    @Test func refusesNumbersJSONCannotWrite() {
        #expect(throws: JSONError.self) { try JSONNumber(Double.nan) }
        #expect(throws: JSONError.self) { try JSONNumber(-Double.infinity) }
    }

    /// RFC 8785 section 3.2.3's example of UTF-16 order, where U+1F600 comes before U+FB33.
    @Test func sortsNames() throws {
        let value = try parse(#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#)
        let byUTF16 = try JSONValue.parse(value.canonicalBytes(.jcs), limits: .document).objectValue?.names
        #expect(byUTF16 == ["\r", "1", "\u{80}", "ö", "€", "😀", "\u{fb33}"])
        let ordered = String(decoding: try value.canonicalBytes(.olpc), as: UTF8.self)
        #expect(ordered == "{\"\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"\u{fb33}\":3,\"😀\":5}")
    }

    @Test(arguments: [
        "1", "{}", "[]", "{\"a\":1,\"b\":[true,null,\"x\\n\",1.5,{}]}", "[[],[1,2]]", "\"é\"", "-3", "\"\\u0001\"",
    ])
    func tellsCanonicalTextWithoutATree(_ text: String) throws {
        try Array(text.utf8).withUnsafeBytes {
            try JSONReader.requireCanonical($0, limits: .document, path: "it")
        }
    }

    @Test(arguments: [
        " 1", "1 ", "{ }", "{\"a\": 1}", "{\"a\" :1}", "{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":2}", "[1, 2]", "[1 ,2]",
        "[ ]", "[\n1]", "[ [1]]", "[1\n]", "1.0", "1e2", "-0", "01", "\"\\u00e9\"", "\"\\/\"", "\"\\u000a\"",
        "{\"a\":1 }", "{\"\\u0061\":1}",
        "[1,]",
    ])
    func refusesEveryOtherSpelling(_ text: String) {
        #expect(throws: JSONError.self) {
            try Array(text.utf8).withUnsafeBytes {
                try JSONReader.requireCanonical($0, limits: .document, path: "it")
            }
        }
    }

    @Test func olpcEscapesOnlyQuoteAndBackslash() throws {
        let value = JSONValue.object(["b": "\u{1}\"\\\n", "a": 1])
        #expect(try value.canonicalBytes(.olpc) == Array("{\"a\":1,\"b\":\"\u{1}\\\"\\\\\n\"}".utf8))
        #expect(try value.canonicalBytes(.jcs) == Array(#"{"a":1,"b":"\u0001\"\\\n"}"#.utf8))
        #expect(throws: JSONError.self) { try parse("1.5").canonicalBytes(.olpc) }
    }
}

@Suite struct JSONReaderTests {
    @Test func readsWithoutATree() throws {
        let text = Array(#"{"skip":{"a":[1,{"b":"}"}],"c":true},"data":[1.5,-2],"last":null}"#.utf8)
        try text.withUnsafeBytes { bytes in
            var reader = try JSONReader(bytes, limits: .document)
            try reader.enterObject()
            var numbers: [String] = []
            while let name = try reader.nextMember() {
                guard reader.text(at: name, equals: "data") else {
                    try reader.skip()
                    continue
                }
                try reader.enterArray()
                while try reader.nextElement() { numbers.append(reader.text(at: try reader.number())) }
            }
            try reader.end()
            #expect(numbers == ["1.5", "-2"])
        }
    }

    @Test(arguments: ["[1,[2,{\"a\":}]]", "{\"a\":[1,2}", "[1,2", "{\"a\"", "[tru]"])
    func skippingChecksTheGrammar(_ text: String) throws {
        try Array(text.utf8).withUnsafeBytes { bytes in
            var reader = try JSONReader(bytes, limits: .document)
            #expect(throws: JSONError.self) { try reader.skip() }
        }
    }
}

@Suite struct JSONFieldsTests {
    @Test func namesThePathOfAMistake() throws {
        let fields = try JSONFields(try parse(#"{"a":{"b":"x","n":1.5}}"#), path: "MANIFEST.json").fields("a")
        #expect(throws: JSONError.unexpected(path: "MANIFEST.json.a.c", problem: "is missing")) {
            try fields.string("c")
        }
        #expect(throws: JSONError.unexpected(path: "MANIFEST.json.a.n", problem: "expected an integer, found a number"))
        {
            try fields.integer("n", in: 0...3)
        }
        #expect(try fields.string("b") == "x")
    }
}
