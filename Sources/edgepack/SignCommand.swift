import BundleFormat
import CommandLine
import Crypto
import Diagnostics
import Digest
import FileSystem
import JSON
import Packager

/// `edgepack sign` and `edgepack signature export`.
enum SignCommand {
    private static let key = Option.required("key", .path.named("KEY.pem"), summary: "private ECDSA key to sign with")
    private static let files = SharedParameters.files(minimum: 1)

    static let command = Command(
        "sign",
        summary: "append a signature to bundle files",
        discussion: [
            "Checks the whole file, then signs the tree it extracts to with OpenSSF Model Signing. The file is written "
                + "anew and renamed. A signature serves people and third parties; what runs on a box is decided by its "
                + "update repository."
        ],
        examples: [Example("Sign every bundle of a build", "edgepack sign --key release.pem dist/*.bundle.tar.zst")],
        arguments: [files],
        options: [key, RegistryParameters.passphraseFile, SharedParameters.threads, SharedParameters.json],
        exitCodes: [.incompatible, .dataError, .noInput, .ioError, .noPermission],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let loaded = try KeyFile.readPrivate(arguments[key], passphrase: Passphrases.source(arguments, terminal))
        if loaded.isReadableByOthers {
            terminal.warning("\(arguments[key]) can be read by others: chmod 600 \(arguments[key])")
        }
        let hint = OMSSignature.hint(of: try loaded.key.publicKey)
        return try terminal.forEach(arguments[files]) { path in
            let head = try BundleSigning.sign(path, key: loaded.key, threads: SharedParameters.threads(arguments))
            terminal.notice("signed sha256:\(head.digest) by key \(hint.prefix(16))…")
            guard arguments[SharedParameters.json] else { return .done }
            let result: JSONValue = [
                "path": .string(path), "digest": .string(head.digest.hex), "signedBy": .string(hint),
            ]
            try terminal.write(result, isOneOfSeveral: arguments[files].count > 1)
            return .done
        }
    }
}

enum SignatureCommand {
    private static let key = Option.optional(
        "key",
        .path.named("KEY.pub"),
        summary: "public key whose signature is wanted, where the bundle carries several"
    )
    private static let output = Option(
        "output",
        short: "o",
        .path,
        default: "model.sig",
        summary: "file to write; - prints it"
    )

    static let command = Command(
        "signature",
        summary: "work with a bundle's signatures",
        subcommands: [
            Command(
                "export",
                summary: "write a bundle's signature to a file, as other tools for model signing read it",
                examples: [
                    Example(
                        "Have another tool verify it",
                        "edgepack signature export FILE.bundle.tar.zst -o model.sig"
                    )
                ],
                arguments: [SharedParameters.file],
                options: [output, key],
                exitCodes: [.signatureInvalid, .dataError, .noInput, .cannotCreate, .ioError, .noPermission],
                run: export
            )
        ]
    )

    @Sendable private static func export(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let publicKey = try arguments[key].map { try KeyFile.readPublic($0) }
        let signature = try BundleSigning.export(arguments[SharedParameters.file], key: publicKey)
        if arguments[output] == "-" {
            try terminal.writeLine(String(decoding: signature, as: UTF8.self))
        } else {
            try FileSystem.write(signature, to: arguments[output])
        }
        return .done
    }
}
