import Crypto
import JSON
import Testing

@testable import BundleFormat

@Suite("DSSEEnvelope")
struct DSSEEnvelopeTests {
    /// The example of the DSSE protocol, secure-systems-lab/dsse v1.0.0 protocol.md.
    @Test
    func encodesTheExampleOfItsSpecification() {
        let encoded = DSSEEnvelope.preAuthenticationEncoding(
            payloadType: "http://example.com/HelloWorld",
            payload: Array("hello world".utf8)
        )
        #expect(String(decoding: encoded, as: UTF8.self) == "DSSEv1 29 http://example.com/HelloWorld 11 hello world")
    }

    @Test
    func countsBytesNotCharacters() {
        let encoded = DSSEEnvelope.preAuthenticationEncoding(payloadType: "é", payload: Array("ü".utf8))
        #expect(String(decoding: encoded, as: UTF8.self) == "DSSEv1 2 é 2 ü")
    }

    @Test
    func bindsThePayloadToItsType() throws {
        let key = try PrivateKey.generate()
        let envelope = try DSSEEnvelope.signed(payloadType: "text/plain", payload: [1, 2, 3], key: key)
        let publicKey = try key.publicKey
        #expect(envelope.isSigned(by: publicKey))
        let retyped = DSSEEnvelope(payloadType: "text/html", payload: [1, 2, 3], signatures: envelope.signatures)
        #expect(!retyped.isSigned(by: publicKey))
        let changed = DSSEEnvelope(payloadType: "text/plain", payload: [1, 2, 4], signatures: envelope.signatures)
        #expect(!changed.isSigned(by: publicKey))
        #expect(!envelope.isSigned(by: try PrivateKey.generate().publicKey))
    }

    @Test
    func findsTheKeysSignatureAmongSeveral() throws {
        let key = try PrivateKey.generate()
        let envelope = try DSSEEnvelope.signed(payloadType: "text/plain", payload: [], key: key)
        let other = DSSEEnvelope.Signature(keyID: "other", bytes: [0])
        let both = DSSEEnvelope(payloadType: "text/plain", payload: [], signatures: [other] + envelope.signatures)
        #expect(both.isSigned(by: try key.publicKey))
    }

    @Test
    func readsWhatItWrites() throws {
        let envelope = DSSEEnvelope(
            payloadType: "text/plain",
            payload: [0, 255],
            signatures: [.init(keyID: "one", bytes: [1]), .init(keyID: "", bytes: [2])]
        )
        #expect(try DSSEEnvelope(JSONFields(envelope.json, path: "envelope")) == envelope)
    }

    @Test(arguments: [
        ##"{"payload":"AA==","payloadType":"t"}"##,
        ##"{"payload":"AA==","payloadType":"t","signatures":[]}"##,
        ##"{"payload":"AA","payloadType":"t","signatures":[{"sig":"AA=="}]}"##,
        ##"{"payload":"AA==","payloadType":7,"signatures":[{"sig":"AA=="}]}"##,
        ##"{"payload":"AA==","payloadType":"t","signatures":[{"keyid":""}]}"##,
        ##"{"payload":"AA==","payloadType":"t","signatures":[{"sig":"!"}]}"##,
        ##"{"payload":"AA==","payloadType":"t","signatures":[{"sig":"AA=="}],"more":1}"##,
        ##"{"payload":"AA==","payloadType":"t","signatures":[{"sig":"AA==","cert":""}]}"##,
        ##"[]"##,
    ])
    func refusesAnythingElse(text: String) throws {
        let value = try JSONValue.parse(text.utf8, limits: .document)
        #expect(throws: JSONError.self) { try DSSEEnvelope(JSONFields(value, path: "envelope")) }
    }
}
