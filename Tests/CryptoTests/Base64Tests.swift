import Testing

@testable import Crypto

@Suite("Base64")
struct Base64Tests {
    /// RFC 4648 section 10.
    static let vectors = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test(arguments: vectors)
    func followsTheVectorsOfTheStandard(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
    }

    @Test
    func decodesWhatItEncodes() {
        for length in 0..<300 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ length) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test(arguments: [
        "Zg", "Zg=", "Zg===", "=", "==", "====", "Z===", "Zm9v\n", "Zm 9", "Zm9v=", "Zm9vYg==Zm9v", "Zg==Zg==", "Z=g=",
        "Zh==", "Zm9=", "_-8=", "Zm9é", "🙂",
    ])
    func refusesWhatItWouldNotWrite(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
