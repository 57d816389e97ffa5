import FileSystem
import JSON
import Processes
import Testing

/// Others who know OpenSSF Model Signing, or only openssl, accept our signatures, and none accepts a changed tree.
@Suite(.programs, .oneByOne) struct SignatureTests {
    private func modelSigning(_ tree: String, _ example: Example, key: String) throws -> ProcessResult {
        try Programs.run(
            Programs.python,
            ["-m", "model_signing", "verify", "key", tree, "--signature", example.signature, "--public_key", key]
        )
    }

    private func edgepack(_ tree: String, _ example: Example, key: String) throws -> ProcessResult {
        try Programs.run(
            Programs.edgepack,
            ["verify", "--tree", tree, "--signature", example.signature, "--key", key]
        )
    }

    @Test(arguments: ["digits", "digits-script"])
    func isAcceptedOverTheExtractedTree(_ name: String) throws {
        let example = try (name == "digits" ? Example.native : Example.script).get()
        let key = try Keys.shared.get().publicKey
        let theirs = try modelSigning(example.tree, example, key: key)
        #expect(theirs.isSuccess, "\(theirs.outputText)\(theirs.errorText)")
        let ours = try edgepack(example.tree, example, key: key)
        #expect(ours.isSuccess, "\(ours.errorText)")
    }

    @Test func isRefusedByAnotherKey() throws {
        let example = try Example.native.get()
        let key = try Keys.shared.get().otherPublicKey
        #expect(try !modelSigning(example.tree, example, key: key).isSuccess)
        #expect(try edgepack(example.tree, example, key: key).status == .exited(11))
    }

    /// Each kind of file: what the manifest, a table and a component hold.
    @Test(arguments: ["MANIFEST.json", "toc/env.json", "model/digits.onnx", "samples/digit-3.json"])
    func isRefusedAfterOneByteChanged(_ path: String) throws {
        let example = try Example.native.get()
        let key = try Keys.shared.get().publicKey
        let scratch = try Scratch()
        try scratch.copy(example.tree, as: "tree")
        try scratch.flip("tree/\(path)", at: 40)
        #expect(try !modelSigning(scratch("tree"), example, key: key).isSuccess)
        let ours = try edgepack(scratch("tree"), example, key: key)
        #expect(ours.status == .exited(65) || ours.status == .exited(11), "\(ours.status): \(ours.errorText)")
    }

    @Test(arguments: ["more", "less"])
    func isRefusedWhenAFileComesOrGoes(_ change: String) throws {
        let example = try Example.native.get()
        let key = try Keys.shared.get().publicKey
        let scratch = try Scratch()
        try scratch.copy(example.tree, as: "tree")
        if change == "more" {
            try scratch.write("", to: "tree/model/more.onnx")
        } else {
            try FileSystem.removeFile(scratch("tree/samples/blank.json"))
        }
        #expect(try !modelSigning(scratch("tree"), example, key: key).isSuccess)
        let ours = try edgepack(scratch("tree"), example, key: key)
        #expect(ours.status == .exited(65), "\(ours.status): \(ours.errorText)")
    }

    /// The DSSE envelope by hand: what is signed is the pre-authentication encoding of the payload.
    @Test func isAcceptedByOpenSSLAlone() throws {
        guard let openssl = Judge.find("openssl") else { return }
        let example = try Example.native.get()
        let keys = try Keys.shared.get()
        let scratch = try Scratch()
        let bytes = try FileSystem.read(example.signature, limit: 1 << 24)
        let envelope = try #require(JSONValue.parse(bytes, limits: .document)["dsseEnvelope"])
        let payload = try decode(envelope["payload"], with: openssl)
        let signature = try decode(envelope["signatures"]?.arrayValue?.first?["sig"], with: openssl)
        try FileSystem.write(signature, to: scratch("signature.der"))

        let header = "DSSEv1 28 application/vnd.in-toto+json \(payload.count) "
        try FileSystem.write(Array(header.utf8) + payload, to: scratch("signed"))
        let check = ["dgst", "-sha256", "-verify", keys.publicKey, "-signature", scratch("signature.der")]
        #expect(try Programs.run(openssl, check + [scratch("signed")]).outputText == "Verified OK\n")
        try scratch.flip("signed", at: header.utf8.count + 20)
        #expect(try !Programs.run(openssl, check + [scratch("signed")]).isSuccess)
    }

    @Test func namesTheKeyByTheDigestOfItsText() throws {
        let example = try Example.native.get()
        guard let program = Judge.find("sha256sum") else { return }
        let digest = try Programs.succeed(program, [Keys.shared.get().publicKey]).prefix(64)
        let signers = try JSONValue.parse(
            Array(Programs.pack("inspect", example.signed, "--json").utf8),
            limits: .document
        )["signatures"]
        #expect(signers?.arrayValue?.map(\.stringValue) == ["key \(digest)"])
    }

    private func decode(_ value: JSONValue?, with openssl: String) throws -> [UInt8] {
        let text = try #require(value?.stringValue)
        let result = try Programs.run(openssl, ["base64", "-d", "-A"], input: text)
        #expect(result.isSuccess)
        return result.standardOutput
    }
}
