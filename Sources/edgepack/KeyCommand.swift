import CommandLine
import Crypto
import Diagnostics
import FileSystem
import JSON
import Registry
import UpdateFramework

/// `edgepack key generate`, `key import` and `key show`.
enum KeyCommand {
    private static let out = Option.required(
        "out",
        .path.named("KEY.pem"),
        summary: "file for the private key; the public key is written beside it as KEY.pub"
    )
    private static let type = Option(
        "type",
        .choice,
        default: KeyType.p256,
        summary: "what kind of key; bundles are signed by ECDSA keys only"
    )
    private static let encrypt = Option.flag("encrypt", summary: "protect the private key by a passphrase")
    private static let newPassphraseFile = Option.optional(
        "passphrase-file",
        .path.named("FILE"),
        environment: "EDGEPACK_PASSPHRASE_FILE",
        summary: "file whose first line is the passphrase; without it the terminal is asked"
    )
    private static let outPassphraseFile = Option.optional(
        "new-passphrase-file",
        .path.named("FILE"),
        summary: "file whose first line is the passphrase of KEY.pem; without it that of --passphrase-file"
    )
    private static let imported = Argument("FILE", .path, summary: "private key: PKCS #8, PKCS #1 or SEC 1 as PEM")
    private static let shown = Argument(
        "KEY",
        RegistryParameters.keySource,
        summary: "a private or public key, in a file or behind a command"
    )
    private static let owner = Option.optional(
        "owner",
        owners,
        summary: "the name of its holder, as metadata will have it: it is part of the key id"
    )

    static let command = Command(
        "key",
        summary: "make, import and show keys for signing",
        subcommands: [
            Command(
                "generate",
                summary: "make a key pair",
                discussion: [
                    "Never overwrites a key. The private key is readable by its owner only; with --encrypt nobody uses it "
                        + "without its passphrase either: AES-256, and scrypt to make guessing slow."
                ],
                examples: [
                    Example("Make a key for releases", "edgepack key generate --out release.pem"),
                    Example("Make a root key that is kept offline", "edgepack key generate --out root.pem --encrypt"),
                ],
                options: [out, type, encrypt, newPassphraseFile, SharedParameters.json],
                exitCodes: [.dataError, .noInput, .cannotCreate, .ioError, .noPermission],
                run: generate
            ),
            Command(
                "import",
                summary: "take a private key that another program has made",
                discussion: [
                    "Checks the key and writes it as PKCS #8, as this program's own are. Of ECDSA on P-256, P-384 and "
                        + "P-521, Ed25519, and RSA of 2048 to 4096 bits. FILE stays as it is."
                ],
                examples: [
                    Example(
                        "Take over a key, under a passphrase",
                        "edgepack key import old.pem --out root.pem --encrypt"
                    )
                ],
                arguments: [imported],
                options: [out, encrypt, RegistryParameters.passphraseFile, outPassphraseFile, SharedParameters.json],
                exitCodes: [.dataError, .noInput, .cannotCreate, .ioError, .noPermission],
                run: importKey
            ),
            Command(
                "show",
                summary: "print a key's public half, and what others call it",
                discussion: [
                    "The public half is printed, so that `> KEY.pub` keeps it. Its kind, the id that metadata has it by and "
                        + "the hint of bundle signatures go to standard error, or with --json all of it to standard output."
                ],
                examples: [
                    Example("Hand out a public key", "edgepack key show root.pem > alice.pub"),
                    Example("See what a command signs with", "edgepack key show 'exec:kms-sign --key root'"),
                ],
                arguments: [shown],
                options: [owner, RegistryParameters.passphraseFile, SharedParameters.json],
                exitCodes: [.signatureInvalid, .dataError, .noInput, .unavailable, .ioError, .noPermission],
                run: show
            ),
        ]
    )

    static let owners = ValueType<String>(
        placeholder: "NAME",
        read: { (text: String) throws(InvalidValue) in
            guard MetadataKey.isOwner(text) else { throw InvalidValue(text, "is not 1 to 64 bytes of visible text") }
            return text
        },
        show: { $0 }
    )

    // MARK: generate

    @Sendable private static func generate(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let passphrase = try newPassphrase(arguments, [newPassphraseFile], terminal)
        return try write(try PrivateKey.generate(arguments[type]), passphrase, arguments, terminal)
    }

    /// Nil where none is wanted. A file of a passphrase that would be used for nothing is refused: somebody expects that
    /// the key is encrypted.
    private static func newPassphrase(
        _ arguments: ParsedArguments,
        _ files: [Option<String?>],
        _ terminal: Terminal
    ) throws -> [UInt8]? {
        let path = arguments[out]
        guard !path.hasSuffix(".pub") else {
            throw arguments.usageError("--out names the private key, and .pub is what public keys end with")
        }
        let file = files.compactMap { arguments[$0] }.first
        guard arguments[encrypt] else {
            if arguments[files[0]] != nil {
                throw arguments.usageError("\(files[0].definition.label) goes with --encrypt")
            }
            return nil
        }
        return try Passphrases.new(of: file, for: path, terminal)
    }

    private static func write(
        _ key: PrivateKey,
        _ passphrase: [UInt8]?,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        let path = arguments[out]
        let publicPath = try KeyFile.write(key, to: path, passphrase: passphrase)
        let description = KeyDescription(try key.publicKey, owner: nil)
        if arguments[SharedParameters.json] {
            var result = description.json
            result["privateKey"] = .string(path)
            result["publicKey"] = .string(publicPath)
            result["isEncrypted"] = .boolean(passphrase != nil)
            try terminal.write(.object(result), isOneOfSeveral: false)
        } else {
            try terminal.writeLine(path)
            try terminal.writeLine(publicPath)
        }
        description.tell(terminal)
        return .done
    }

    // MARK: import

    @Sendable private static func importKey(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let opening = Passphrases.source(arguments, terminal)
        let loaded = try KeyFile.readPrivate(arguments[imported], passphrase: opening)
        let files = [outPassphraseFile, RegistryParameters.passphraseFile]
        return try write(loaded.key, try newPassphrase(arguments, files, terminal), arguments, terminal)
    }

    // MARK: show

    @Sendable private static func show(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let key = try publicKey(arguments[shown], arguments, terminal)
        let description = KeyDescription(key, owner: arguments[owner])
        if arguments[SharedParameters.json] {
            var result = description.json
            result["publicKeyPEM"] = .string(String(decoding: key.pemBytes, as: UTF8.self))
            try terminal.write(.object(result), isOneOfSeveral: false)
        } else {
            description.tell(terminal)
            try terminal.write(String(decoding: key.pemBytes, as: UTF8.self))
        }
        return .done
    }

    private static func publicKey(
        _ source: KeySource,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> PublicKey {
        if case .file(let path) = source {
            let text = try FileSystem.read(path, limit: 64 * 1024)
            guard PrivateKey.isPrivateKey(pem: text) else { return try PublicKey(pem: text, source: path) }
        }
        return try KeyHolder(source: source, passphrase: Passphrases.source(arguments, terminal)).publicKey()
    }
}
