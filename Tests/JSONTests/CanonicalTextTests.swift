import Testing

@testable import JSON

@Suite struct CanonicalTextTests {
    private static let limits = JSONLimits(bytes: 1 << 16, values: 1_000)

    private func member(_ value: String) throws -> CanonicalText {
        try #require(try CanonicalText.members(of: Array("{\"x\": \(value)}".utf8), limits: Self.limits).first).text
    }

    /// What the tree writes, the text writes.
    @Test(arguments: [
        "null", "true", "false", "0", "-0", "12", "-9223372036854775808", "\"\"", "\"a\\u0000\\n\\\"\\\\\\/é\\u00e9\"",
        "[ ]", "[1, [2 , {}], \"x\"]", "{ }", "{\"b\":1,\"a\":[{\"d\":2,\"c\":{}}]}",
        "{\"é\":1,\"z\":2,\"\\u0000\":3,\"\\\"\":4,\"\\\\\":5,\"#\":6,\"[\":7,\"]\":8,\"\":9,\"aa\":10,\"a\":11}",
        "{\"\\ud83d\\ude00\":1,\"\\uffff\":2}",
    ])
    func isTheCanonicalFormOfTheTree(_ value: String) throws {
        let tree = try JSONValue.parse(Array(value.utf8), limits: Self.limits)
        let text = try member(value)
        #expect(text.bytes == (try tree.canonicalBytes(.olpc)))
        #expect(text == (try CanonicalText(tree)))
        // Read again where it stands.
        #expect(try CanonicalText(text.value.json).bytes == text.bytes)
        #expect(text.value.detached == text.value)
        #expect(text.value.kindName == tree.kindName)
        #expect(text.value.string == tree.stringValue)
        #expect(text.value.elements?.count == tree.arrayValue?.count)
        #expect(text.value.object?.count == tree.objectValue?.members.count)
        for (name, value) in tree.objectValue?.members ?? [] {
            let found = try #require(text.value.object?[name])
            #expect(try found.json.canonicalBytes(.olpc) == value.canonicalBytes(.olpc))
            #expect(text.value.object?.without([name])[name] == nil)
        }
        #expect(text.value.object?["nobody"] == nil)
    }

    @Test func findsEachOfManyMembers() throws {
        let names = (0..<200).map { "n\($0 * 7_919 % 1_000)" }
        let text = try member("{" + names.map { "\"\($0)\":\"\($0)\"" }.joined(separator: ",") + "}")
        let object = try #require(text.value.object)
        #expect(names.allSatisfy { object[$0]?.string == $0 })
        #expect((0..<object.count).map { object[$0].name } == names.sorted())
    }

    @Test(arguments: [
        ("{\"a\":1,\"b\":2,\"a\":3}", "\"a\" stands twice"), ("{\"b\":2,\"a\":1,\"\\u0061\":3}", "\"a\" stands twice"),
        ("1.5", "the number 1.5 has no canonical JSON form"), ("1e3", "the number 1e3 has no canonical JSON form"),
        ("9223372036854775808", "has no canonical JSON form"),
        (String(repeating: "1", count: 5_000), "the number \(String(repeating: "1", count: 24))… has no"),
        ("[1,]", "a value after the comma"), ("{\"a\":1", "the text ends"), ("\"\\ud800\"", "not valid UTF-8"),
        ("\"\n\"", "no control character"),
        (String(repeating: "[", count: 70) + String(repeating: "]", count: 70), "nested deeper than 64"),
        ("[" + String(repeating: "1,", count: 1_000) + "1]", "more than 1000 values"),
    ])
    func refuses(_ value: String, problem: String) {
        let error = #expect(throws: JSONError.self) { try member(value) }
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: ["[]", "1", "{} x", "{\"a\":1,\"a\":2}", "", "{\"a\":[],\"\\u0061\":[]}"])
    func refusesDocumentsThatAreNoObject(_ document: String) {
        #expect(throws: JSONError.self) { try CanonicalText.members(of: Array(document.utf8), limits: Self.limits) }
    }

    /// In time that grows with their number, not its square.
    @Test func objectsOfManyMembersAreMadeInOneGo() {
        let object = JSONObject((0..<200_000).map { ("name \($0 % 150_000)", .integer($0)) })
        #expect(object.members.count == 150_000)
        #expect(object.members[49_999].value == 199_999)
    }
}
