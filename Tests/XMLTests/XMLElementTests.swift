import Testing

@testable import XML

@Suite struct XMLElementTests {
    private func parse(_ text: String, limits: XMLLimits = XMLLimits()) throws -> XMLElement {
        try XMLElement.parse(Array(text.utf8), limits: limits)
    }

    @Test func elementsAndTextAreRead() throws {
        let root = try parse(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- of S3 -->
            <List xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Contents><Key>a&amp;b &#252;<![CDATA[<c>]]></Key><Size>3</Size></Contents>
              <Contents><Key/></Contents>
            </List>
            """
        )
        #expect(root.name == "List")
        #expect(root.all("Contents").map { $0["Key"]?.text } == ["a&b ü<c>", ""])
        #expect(root["Contents"]?["Size"]?.text == "3")
        #expect(root["Size"] == nil)
    }

    @Test(arguments: ["", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&unknown;</a>", "<a>\u{1}</a>", "<a b=c/>"])
    func whatIsNoDocumentIsRefused(text: String) {
        #expect { try parse(text) } throws: { error in
            guard case XMLError.malformed = error else { return false }
            return true
        }
    }

    @Test func bytesThatAreNoUTF8AreRefused() {
        #expect(throws: XMLError.self) { try XMLElement.parse(Array("<a>".utf8) + [0xFF] + Array("</a>".utf8)) }
        let latin = Array("<?xml version='1.0' encoding='iso-8859-1'?><a>".utf8) + [0xFC] + Array("</a>".utf8)
        #expect(throws: XMLError.self) { try XMLElement.parse(latin) }
    }

    @Test(arguments: [
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://127.0.0.1/'> %b;]><a/>",
        "<!DOCTYPE a [<!ENTITY b 'xxxxxxxxxx'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><a>&c;&c;</a>",
    ])
    func documentTypesAreRefused(text: String) {
        #expect(throws: XMLError.hasDocumentType(line: 1)) { try parse(text) }
    }

    @Test func theLimitsHold() throws {
        let limits = XMLLimits(bytes: 40, depth: 3, elements: 4)
        #expect(try parse("<a><b><c/></b><d/></a>", limits: limits).children.count == 2)
        let long = "<a>" + String(repeating: "x", count: 40) + "</a>"
        #expect(throws: XMLError.tooLarge(limit: "40 bytes")) { try parse(long, limits: limits) }
        #expect(throws: XMLError.tooLarge(limit: "3 levels of elements")) {
            try parse("<a><b><c><d/></c></b></a>", limits: limits)
        }
        #expect(throws: XMLError.tooLarge(limit: "4 elements")) { try parse("<a><b/><b/><b/><b/></a>", limits: limits) }
    }

    @Test func depthBeyondTheLimitIsNoTroubleForTheStack() {
        let deep = String(repeating: "<a>", count: 200_000)
        #expect(throws: XMLError.tooLarge(limit: "16 levels of elements")) { try parse(deep) }
    }
}
