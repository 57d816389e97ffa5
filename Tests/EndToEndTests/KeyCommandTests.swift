import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// Keys as people handle them: made, brought along, behind passphrases and commands.
@Suite(.programs, .oneByOne) struct KeyCommandTests {
    private static let types = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072"]

    private static func pack(_ scratch: Scratch, _ words: String...) throws -> String {
        try Programs.succeed(Programs.edgepack, words, in: scratch.path)
    }

    private static func run(_ scratch: Scratch, _ words: String...) throws -> ProcessResult {
        try Programs.run(Programs.edgepack, words, in: scratch.path)
    }

    private static func json(_ text: String) throws -> JSONValue {
        try JSONValue.parse(Array(text.utf8), limits: .document)
    }

    /// The openssl program, which must succeed.
    private static func openssl(_ scratch: Scratch, _ words: String...) throws -> String? {
        guard let openssl = Judge.find("openssl") else { return nil }
        return try Programs.succeed(openssl, words, in: scratch.path)
    }

    @Test(arguments: types)
    func areMadeAndShown(type: String) throws {
        let scratch = try Scratch()
        let made = try Self.json(Self.pack(scratch, "key", "generate", "--out", "k.pem", "--type", type, "--json"))
        #expect(made["kind"]?.stringValue == type)
        #expect(made["isEncrypted"] == .boolean(false))
        #expect(try FileSystem.status(of: scratch("k.pem"))?.permissions == 0o600)
        let publicHalf = String(decoding: try FileSystem.read(scratch("k.pub"), limit: 1 << 16), as: UTF8.self)
        for name in ["k.pem", "k.pub"] {
            let shown = try Self.run(scratch, "key", "show", name)
            #expect(shown.outputText == publicHalf)
            #expect(shown.errorText.contains(try #require(made["keyID"]?.stringValue)))
        }
        if let theirs = try Self.openssl(scratch, "pkey", "-in", "k.pem", "-pubout") { #expect(theirs == publicHalf) }
    }

    /// The holder's name is part of the id, as python-securesystemslib counts it.
    @Test func areCalledAsTheMetadataOfOtherToolsCallsThem() throws {
        let scratch = try Scratch()
        for type in Self.types { _ = try Self.pack(scratch, "key", "generate", "--out", "\(type).pem", "--type", type) }
        let script = """
            import json, sys
            from securesystemslib.formats import encode_canonical
            from securesystemslib.signer import SSlibKey
            from cryptography.hazmat.primitives.serialization import load_pem_public_key
            import hashlib
            for path, owner, expected in zip(*[iter(sys.argv[1:])] * 3):
                key = SSlibKey.from_crypto(load_pem_public_key(open(path, "rb").read())).to_dict()
                if key["keytype"] == "rsa": key["scheme"] = "rsassa-pss-sha256"
                if owner: key["x-edge-owner"] = owner
                found = hashlib.sha256(encode_canonical(key).encode()).hexdigest()
                assert found == expected, (path, key, found, expected)
            """
        var arguments: [String] = []
        for type in Self.types {
            for owner in ["", "Alice"] {
                let words = ["key", "show", "\(type).pub", "--json"] + (owner.isEmpty ? [] : ["--owner", owner])
                let shown = try Self.json(Programs.succeed(Programs.edgepack, words, in: scratch.path))
                arguments += ["\(type).pub", owner, try #require(shown["keyID"]?.stringValue)]
            }
        }
        _ = try Programs.succeed(Programs.python, ["-c", script] + arguments, in: scratch.path)
    }

    // MARK: passphrases

    @Test func areReadByOpenSSLUnderTheirPassphrase() throws {
        let scratch = try Scratch()
        try scratch.write("correct horse\nanother line\n", to: "secret")
        for type in Self.types {
            let made = try Self.pack(
                scratch,
                "key",
                "generate",
                "--out",
                "\(type).pem",
                "--type",
                type,
                "--encrypt",
                "--passphrase-file",
                "secret",
                "--json"
            )
            #expect(try Self.json(made)["isEncrypted"] == .boolean(true))
            let theirs = try Self.openssl(
                scratch,
                "pkey",
                "-in",
                "\(type).pem",
                "-passin",
                "pass:correct horse",
                "-pubout"
            )
            guard let theirs else { return }
            #expect(try Self.pack(scratch, "key", "show", "\(type).pem") == theirs)
        }
    }

    /// From a process's output, as a password store prints it.
    @Test func takeAPassphraseFromAPipe() throws {
        let scratch = try Scratch()
        let command = "\(Programs.edgepack) key generate --out k.pem --encrypt --passphrase-file <(echo secret)"
        _ = try Programs.succeed("/bin/bash", ["-c", command], in: scratch.path)
        try FileSystem.removeFile(scratch("k.pub"))
        let show = "EDGEPACK_PASSPHRASE_FILE=<(echo secret) \(Programs.edgepack) key show k.pem"
        _ = try Programs.succeed("/bin/bash", ["-c", show], in: scratch.path)
    }

    @Test(arguments: [
        (["genpkey", "-algorithm", "ed25519"], "ed25519"),
        (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256"], "ecdsa-p256"),
        (["ecparam", "-name", "secp384r1", "-genkey", "-noout"], "ecdsa-p384"),
        (["genrsa", "-traditional", "2048"], "rsa-2048"), (["genrsa", "-aes128", "2048"], "rsa-2048"),
    ])
    func areTakenOverFromOpenSSL(words: [String], kind: String) throws {
        guard let openssl = Judge.find("openssl") else { return }
        let scratch = try Scratch()
        try scratch.write("old", to: "old")
        try scratch.write("new", to: "new")
        let encrypts = words.contains { $0.hasPrefix("-aes") }
        // genpkey and genrsa call the option differently.
        let passphrase = encrypts ? [words[0] == "genpkey" ? "-pass" : "-passout", "file:old"] : []
        let bits = words.last == "2048" ? ["2048"] : []
        let line = words.dropLast(bits.count) + passphrase + ["-out", "theirs.pem"] + bits
        _ = try Programs.succeed(openssl, Array(line), in: scratch.path)
        let before = try FileSystem.read(scratch("theirs.pem"), limit: 1 << 16)
        let opening = encrypts ? ["--passphrase-file", "old"] : []
        let made = try Programs.succeed(
            Programs.edgepack,
            ["key", "import", "theirs.pem", "--out", "ours.pem", "--encrypt", "--new-passphrase-file", "new", "--json"]
                + opening,
            in: scratch.path
        )
        #expect(try Self.json(made)["kind"]?.stringValue == kind)
        #expect(try FileSystem.read(scratch("theirs.pem"), limit: 1 << 16) == before)
        let publicHalf = try Self.openssl(scratch, "pkey", "-in", "ours.pem", "-passin", "file:new", "-pubout")
        #expect(try Self.openssl(scratch, "pkey", "-in", "theirs.pem", "-passin", "file:old", "-pubout") == publicHalf)
    }

    @Test func areOpenedOnlyByTheirPassphrase() throws {
        let scratch = try Scratch()
        try scratch.write("right", to: "right")
        try scratch.write("wrong", to: "wrong")
        try scratch.write("\n", to: "empty")
        let passphrase = "--passphrase-file"
        _ = try Self.pack(scratch, "key", "generate", "--out", "k.pem", "--encrypt", passphrase, "right")
        let again = ["key", "import", "k.pem", "--out", "new.pem"]
        let cases: [(words: [String], code: Int32, says: String)] = [
            (again, 65, "k.pem is a private key protected by a passphrase, and none is given"),
            (again + [passphrase, "wrong"], 77, "the passphrase does not open k.pem, or the file is damaged"),
            (again + [passphrase, "empty"], 65, "empty holds no passphrase"),
            (again + [passphrase, "missing"], 66, "missing"),
            (again + [passphrase, "right", "--new-passphrase-file", "right"], 64, "goes with --encrypt"),
            (
                ["key", "generate", "--out", "new.pem", "--encrypt"], 66,
                "there is no passphrase to protect new.pem with"
            ),
            (
                ["key", "generate", "--out", "new.pem", passphrase, "right"], 64,
                "--passphrase-file goes with --encrypt"
            ),
        ]
        for (words, code, says) in cases {
            let result = try Programs.run(Programs.edgepack, words, in: scratch.path)
            #expect(result.status == .exited(code), "\(words): \(result.errorText)")
            #expect(result.errorText.contains(says), "\(result.errorText)")
            #expect(try FileSystem.status(of: scratch("new.pem")) == nil)
        }
    }

    // MARK: the terminal

    private static func atTerminal(_ scratch: Scratch, _ answers: [String], _ words: [String]) throws -> ProcessResult {
        let judge = "\(Programs.judges)/terminal.py"
        return try Programs.run(
            Programs.python,
            [judge] + answers + ["--", Programs.edgepack] + words,
            in: scratch.path
        )
    }

    @Test func askForAPassphraseAtTheTerminalWithoutShowingIt() throws {
        let scratch = try Scratch()
        let made = try Self.atTerminal(
            scratch,
            ["open sesamX\u{7F}e", "open sesame"],
            ["key", "generate", "--out", "k.pem", "--encrypt"]
        )
        #expect(made.isSuccess, "\(made.outputText)")
        #expect(made.outputText.contains("new passphrase for k.pem: \r\nthe same again: \r\n"), "\(made.outputText)")
        #expect(!made.outputText.contains("sesam"))
        let read = try Self.atTerminal(scratch, ["open sesame"], ["key", "import", "k.pem", "--out", "plain.pem"])
        #expect(read.isSuccess, "\(read.outputText)")
        #expect(read.outputText.contains("passphrase of k.pem: \r\n"))
        if let theirs = try Self.openssl(scratch, "pkey", "-in", "k.pem", "-passin", "pass:open sesame", "-pubout") {
            #expect(try Self.pack(scratch, "key", "show", "plain.pem") == theirs)
        }
    }

    @Test func areNotMadeWhereTheAnswersDifferOrSomebodyGivesUp() throws {
        let scratch = try Scratch()
        let words = ["key", "generate", "--out", "k.pem", "--encrypt"]
        let differing = try Self.atTerminal(scratch, ["one", "two"], words)
        #expect(differing.status == .exited(65), "\(differing.outputText)")
        let ended = try Self.atTerminal(scratch, ["one", "^C"], words)
        #expect(ended.status == .exited(128 + SIGINT), "\(ended.outputText)")
        #expect(try scratch.listing().isEmpty)
    }

    // MARK: commands that sign

    /// A shell script that keeps an Ed25519 key with openssl, as a wrapper around a device would.
    private static func keeper(_ scratch: Scratch) throws -> String? {
        guard let openssl = Judge.find("openssl") else { return nil }
        _ = try pack(scratch, "key", "generate", "--out", "device.pem", "--type", "ed25519")
        let script = """
            case "$1" in
            public) exec \(openssl) pkey -in device.pem -pubout ;;
            sign) cat > message && exec \(openssl) pkeyutl -sign -rawin -inkey device.pem -in message ;;
            esac
            """
        try scratch.write(script, to: "keeper.sh")
        return "exec:/bin/sh keeper.sh"
    }

    @Test func areShownFromACommand() throws {
        let scratch = try Scratch()
        guard let keeper = try Self.keeper(scratch) else { return }
        let shown = try Self.pack(scratch, "key", "show", keeper)
        #expect(shown == String(decoding: try FileSystem.read(scratch("device.pub"), limit: 1 << 16), as: UTF8.self))
        try scratch.write("/bin/sh keeper.sh\n", to: "device.exec")
        try FileSystem.removeFile(scratch("device.pub"))
        #expect(try Self.pack(scratch, "key", "show", "device.exec") == shown)
    }

    @Test func sayWhatACommandSaidThatFailed() throws {
        let scratch = try Scratch()
        try scratch.write("echo 'no token in slot 0' >&2; exit 4", to: "keeper.sh")
        let result = try Self.run(scratch, "key", "show", "exec:/bin/sh keeper.sh")
        #expect(result.status == .exited(69))
        let expected = "`/bin/sh keeper.sh public` failed: exit code 4; it said: no token in slot 0"
        #expect(result.errorText.contains(expected), "\(result.errorText)")
        let missing = try Self.run(scratch, "key", "show", "exec:no-such-program")
        #expect(missing.status == .exited(69))
    }

    // MARK: repositories

    private static let readRepository = "\(Programs.repository)/Tests/UpdateFrameworkTests/judges/read_repository.py"

    /// python-tuf verifies metadata that is signed by each kind.
    @Test(arguments: types)
    func signRepositoriesForPythonTUF(type: String) throws {
        let scratch = try Scratch()
        _ = try Self.pack(scratch, "repo", "init", "repo", "--keys", "keys", "--key-type", type)
        let folders = [scratch("repo/metadata"), scratch("repo/targets"), scratch("client")]
        let targets = ["revocations.json", "registry.json"]
        let output = try Programs.succeed(Programs.python, [Self.readRepository] + folders + targets)
        #expect(output.split(separator: "\n").count == targets.count, "\(output)")
    }

    /// The keeper's keys are an encrypted file and a command.
    @Test func keepARepositoryBehindAPassphraseAndACommand() throws {
        let scratch = try Scratch()
        guard let keeper = try Self.keeper(scratch) else { return }
        try scratch.write("secret", to: "secret")
        let generate = ["key", "generate", "--out", "snapshot.pem", "--encrypt", "--passphrase-file", "secret"]
        _ = try Programs.succeed(Programs.edgepack, generate, in: scratch.path)
        _ = try Self.pack(
            scratch,
            "repo",
            "init",
            "repo",
            "--keys",
            "keys",
            "--key",
            "snapshot=Snap=snapshot.pub",
            "--key",
            "timestamp=Device=device.pub"
        )
        try FileSystem.removeFile(scratch("device.pub"))
        let lacking = try Self.run(scratch, "repo", "commit", "repo", "--key", "snapshot.pem")
        #expect(lacking.status != .exited(0))
        let words = ["repo", "commit", "repo", "--key", "snapshot.pem", "--key", keeper]
        let locked = try Programs.run(Programs.edgepack, words, in: scratch.path)
        #expect(locked.status == .exited(65), "\(locked.errorText)")
        #expect(locked.errorText.contains("snapshot.pem is a private key protected by a passphrase"))
        _ = try Programs.succeed(Programs.edgepack, words + ["--passphrase-file", "secret"], in: scratch.path)
        let folders = [scratch("repo/metadata"), scratch("repo/targets"), scratch("client")]
        _ = try Programs.succeed(Programs.python, [Self.readRepository] + folders + ["registry.json"])
    }

    @Test func beginARepositoryThatOthersHaveYetToSign() throws {
        let scratch = try Scratch()
        for name in ["alice", "bob"] { _ = try Self.pack(scratch, "key", "generate", "--out", "\(name).pem") }
        let words = [
            "repo", "init", "repo", "--keys", "keys", "--key", "root=alice=alice.pub", "--key", "root=bob=bob.pub",
            "--threshold", "root=2", "--json",
        ]
        let made = try Self.json(try Programs.succeed(Programs.edgepack, words, in: scratch.path))
        #expect(made["root"] == .null)
        let waiting = try #require(made["proposals"]?.arrayValue)
        #expect(waiting.count == 1)
        #expect(waiting[0]["proposal"]?.stringValue == "repo/proposals/1.root.json")
        let missing = try #require(waiting[0]["missing"]?.arrayValue).compactMap(\.stringValue)
        #expect(missing.map { $0.split(separator: " ")[0] }.sorted() == ["alice", "bob"])
        #expect(try FileSystem.status(of: scratch("keys/root.pem")) == nil)
        let before = try scratch.listing()
        let again = try Programs.run(Programs.edgepack, words, in: scratch.path)
        #expect(again.status == .exited(73), "\(again.errorText)")
        #expect(try scratch.listing() == before)
    }

    @Test func areNamedForRolesThatThereAre() throws {
        let scratch = try Scratch()
        _ = try Self.pack(scratch, "key", "generate", "--out", "k.pem")
        let initialise = ["repo", "init", "repo", "--keys", "keys"]
        let before = try scratch.listing()
        let cases: [(words: [String], code: Int32, says: String)] = [
            (["--key", "rot=k.pub"], 64, "did you mean 'root'?"), (["--key", "k.pub"], 64, "is not ROLE=FILE.pub"),
            (["--key", "root=missing.pub"], 66, "missing.pub"),
            (["--key", "root=k.pem"], 65, "k.pem is a private key where a public key is expected"),
            (["--threshold", "root=0"], 64, "names no number from 1 to 1000"),
            (["--threshold", "root=2"], 1, "role root would have a threshold of 2 and 1 key"),
            (["--threshold", "root=1", "--threshold", "root=1"], 64, "--threshold root is given twice"),
            (["--key", "root=a=k.pub", "--key", "root=b=k.pub"], 1, "is given one key under two names"),
        ]
        for (words, code, says) in cases {
            let result = try Programs.run(Programs.edgepack, initialise + words, in: scratch.path)
            #expect(result.status == .exited(code), "\(words): \(result.errorText)")
            #expect(result.errorText.contains(says), "\(words): \(result.errorText)")
            #expect(try scratch.listing() == before, "\(words)")
        }
    }

    // MARK: bundles

    @Test func signBundlesEncryptedAndRefuseTheKindsThatDoNot() throws {
        let example = try Example.native.get()
        let scratch = try Scratch()
        try scratch.write("secret", to: "secret")
        let passphrase = ["--passphrase-file", "secret"]
        let generate = ["key", "generate", "--encrypt"] + passphrase
        _ = try Programs.succeed(Programs.edgepack, generate + ["--out", "k.pem"], in: scratch.path)
        try scratch.copy(example.bundle, as: "b")
        let sign = ["sign", "b", "--key"]
        _ = try Programs.succeed(Programs.edgepack, sign + ["k.pem"] + passphrase, in: scratch.path)
        _ = try Self.pack(scratch, "verify", "b", "--key", "k.pub")
        for type in ["ed25519", "rsa-3072"] {
            let path = "\(type).pem"
            _ = try Self.pack(scratch, "key", "generate", "--out", path, "--type", type)
            let before = try FileSystem.read(scratch("b"), limit: 1 << 30)
            let result = try Programs.run(Programs.edgepack, sign + [path], in: scratch.path)
            #expect(result.status == .exited(65), "\(result.errorText)")
            #expect(result.errorText.contains("not an ECDSA P-256, P-384 or P-521 key, the ones that sign bundles"))
            #expect(try FileSystem.read(scratch("b"), limit: 1 << 30) == before)
        }
    }
}
