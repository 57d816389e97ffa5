import Testing

@testable import XML

@Suite struct XMLElementTests {
    @Test func elementsWithTheSameContentAreEqual() {
        #expect(XMLElement(name: "Key", text: "a", children: []) == XMLElement(name: "Key", text: "a", children: []))
    }
}
