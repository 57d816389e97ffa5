import BundleFormat
import CommandLine
import Crypto
import Diagnostics
import JSON

/// `edgepack key generate`.
enum KeyCommand {
    private static let out = Option.required(
        "out",
        .path.named("KEY.pem"),
        summary: "file for the private key; the public key is written beside it as KEY.pub"
    )

    static let command = Command(
        "key",
        summary: "make keys for signing",
        subcommands: [
            Command(
                "generate",
                summary: "make an ECDSA P-256 key pair",
                discussion: ["Never overwrites a key. The private key is readable by its owner only."],
                examples: [Example("Make a key for releases", "edgepack key generate --out release.pem")],
                options: [out, SharedParameters.json],
                exitCodes: [.cannotCreate, .ioError, .noPermission],
                run: generate
            )
        ]
    )

    @Sendable private static func generate(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        guard !arguments[out].hasSuffix(".pub") else {
            throw arguments.usageError("--out names the private key, and .pub is what public keys end with")
        }
        let key = try PrivateKey.generate(curve: .p256)
        let publicPath = try KeyFile.write(key, to: arguments[out])
        let hint = OMSSignature.hint(of: try key.publicKey)
        if arguments[SharedParameters.json] {
            let result: JSONValue = [
                "privateKey": .string(arguments[out]), "publicKey": .string(publicPath), "hint": .string(hint),
            ]
            try terminal.write(result, isOneOfSeveral: false)
        } else {
            try terminal.writeLine(arguments[out])
            try terminal.writeLine(publicPath)
        }
        terminal.notice("key \(hint)")
        return .done
    }
}
