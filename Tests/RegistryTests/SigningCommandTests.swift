import Crypto
import Diagnostics
import FileSystem
import Glibc
import Processes
import Testing
import UpdateFramework

@testable import Registry

/// Keys that a program keeps: here the openssl program, in the place of a smart card.
@Suite struct SigningCommandTests {
    private static let message = Array("{\"_type\":\"targets\"}".utf8)

    /// A program that keeps a key of that kind in a file, with openssl.
    private static func keeper(_ sample: SampleKeys, _ type: KeyType) throws -> (String, MetadataKey) {
        let key = try sample.make("kept", type)
        let path = "\(sample.folder)/kept.pem"
        let options =
            switch type {
            case .p256: "-rawin -digest sha256"
            case .p384: "-rawin -digest sha384"
            case .ed25519: "-rawin"
            case .rsa:
                "-rawin -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32"
            }
        // openssl reads what Ed25519 signs from a file of known length only.
        let program = try sample.program(
            "keeper",
            """
            case "$1" in
            public) exec openssl pkey -in '\(path)' -pubout ;;
            sign) cat > '\(sample.folder)/message' && exec openssl pkeyutl -sign \(options) -inkey '\(path)' \
            -in '\(sample.folder)/message' ;;
            esac
            """
        )
        return (program, key)
    }

    private static func hasOpenSSL() -> Bool {
        let found = Processes.find("openssl", in: Processes.inheritedEnvironment()["PATH"] ?? "") != nil
        if !found { print("no command signs: the program openssl is not installed") }
        return found
    }

    @Test(arguments: KeyType.allCases)
    func signsWithAnyKindOfKey(type: KeyType) throws {
        guard Self.hasOpenSSL() else { return }
        let sample = try SampleKeys()
        let (program, key) = try Self.keeper(sample, type)
        let source = try #require(KeySource("exec:\(program)"))
        let signers = try KeyFolder(nil, keys: [source]).signers(among: [key])
        let signature = try #require(signers.first).sign(Self.message)
        #expect(key.publicKey()?.verify(signature: signature, message: Self.message) == true)
    }

    @Test func isNamedByAFileWithThePublicHalfBesideIt() throws {
        guard Self.hasOpenSSL() else { return }
        let (sample, folder) = (try SampleKeys(), try SampleKeys())
        let (program, key) = try Self.keeper(sample, .ed25519)
        try FileSystem.write(Array("\(program)\n".utf8), to: "\(folder.folder)/hsm.exec")
        try FileSystem.write(try #require(key.publicKey()).pemBytes, to: "\(folder.folder)/hsm.pub")
        let signer = try #require(try KeyFolder(folder.folder).signers(among: [key]).first)
        #expect(try key.publicKey()?.verify(signature: signer.sign(Self.message), message: Self.message) == true)
    }

    @Test func isAskedForNothingBeforeItIsToSign() throws {
        let folder = try SampleKeys()
        let key = try folder.make("hsm")
        try FileSystem.removeFile("\(folder.folder)/hsm.pem")
        try FileSystem.write(Array("/no/such/program --slot 1".utf8), to: "\(folder.folder)/hsm.exec")
        let signer = try #require(try KeyFolder(folder.folder).signers(among: [key]).first)
        #expect(throws: KeyError.commandMissing(command: "/no/such/program")) { try signer.sign(Self.message) }
    }

    /// The command gets its own words, then the verb; no shell reads them.
    @Test func getsItsWordsAsTheyAre() throws {
        let sample = try SampleKeys()
        let program = try sample.program("echo-words", "printf '[%s]' \"$@\" >&2; exit 3")
        let source = try #require(KeySource("exec:\(program)  --key $HOME  ;x"))
        let error = #expect(throws: KeyError.self) { try KeyHolder(source: source).publicKey() }
        let command = "\(program) --key $HOME ;x public"
        #expect(error == .commandFailed(command: command, reason: "exit code 3", words: "[--key][$HOME][;x][public]"))
        #expect(error?.message.contains("it said: [--key]") == true)
    }

    struct Answer: Sendable, CustomStringConvertible {
        let description: String
        let lines: String
        let expected: String
    }

    private static let badAnswers = [
        Answer(description: "nothing", lines: ":", expected: "it printed nothing"),
        Answer(
            description: "a signature of something else",
            lines: "openssl pkeyutl -sign -rawin -inkey kept.pem -in keeper",
            expected: "are not this key's signature of it"
        ),
        Answer(description: "text", lines: "echo done", expected: "its 5 bytes are not this key's signature"),
        Answer(description: "too much", lines: "yes | head -c 100000", expected: "more than 65536 bytes to standard"),
        Answer(description: "too many words", lines: "yes >&2", expected: "more than 65536 bytes to standard error"),
        Answer(description: "an error", lines: "echo 'token is locked' >&2; exit 7", expected: "token is locked"),
        Answer(description: "a signal", lines: "kill -9 $$", expected: "signal 9"),
    ]

    @Test(arguments: badAnswers)
    func isNotBelieved(answer: Answer) throws {
        let sample = try SampleKeys()
        let key = try sample.make("kept", .ed25519)
        let program = try sample.program("keeper", "cd '\(sample.folder)' || exit 1\n\(answer.lines)")
        try FileSystem.removeFile("\(sample.folder)/kept.pub")
        let expected = try #require(key.publicKey())
        let error = #expect(throws: KeyError.self) {
            try SigningCommand(words: KeySource.words(program)).sign(Self.message, as: expected)
        }
        #expect(error?.message.contains(answer.expected) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("\(program) sign") == true)
    }

    @Test func isStoppedWhenItHangs() throws {
        let sample = try SampleKeys()
        let key = try sample.make("kept", .ed25519)
        let program = try sample.program("keeper", "echo 'waiting for a touch' >&2; sleep 600")
        let expected = try #require(key.publicKey())
        var command = SigningCommand(words: KeySource.words(program))
        command.deadline = .milliseconds(300)
        let error = #expect(throws: KeyError.self) { try command.sign(Self.message, as: expected) }
        #expect(error?.message.contains("was stopped after 300 ms; it last said: waiting for a touch") == true)
    }

    @Test func mustPrintAPublicKey() throws {
        let sample = try SampleKeys()
        let program = try sample.program("keeper", "echo 'no key in slot 3'")
        let error = #expect(throws: KeyError.self) { try SigningCommand(words: KeySource.words(program)).publicKey() }
        #expect(error?.exitCode == .signatureInvalid)
        #expect(error?.message.contains("is not PEM text") == true)
        #expect(error?.hint?.contains("-----BEGIN PUBLIC KEY-----") == true)
    }

    @Test func needsAtLeastOneWord() throws {
        #expect(KeySource("exec:") == nil)
        #expect(KeySource("exec:  ") == nil)
        #expect(KeySource("exec:a  b") == .command(["a", "b"]))
        #expect(KeySource("exec") == .file("exec"))
        let sample = try SampleKeys()
        let key = try sample.make("hsm")
        try FileSystem.removeFile("\(sample.folder)/hsm.pem")
        let path = "\(sample.folder)/hsm.exec"
        try FileSystem.write(Array("\n".utf8), to: path)
        #expect(throws: KeyError.noCommand(path: path)) {
            try KeyFolder(sample.folder).signers(among: [key]).first?.sign(Self.message)
        }
    }
}
