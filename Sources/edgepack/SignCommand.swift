import BundleFormat
import CommandLine
import Crypto
import Diagnostics
import FileSystem
import Packager

/// `edgepack sign` and `edgepack signature export`.
enum SignCommand {
    private static let key = Option.required("key", .path.named("KEY.pem"), summary: "private key to sign with")

    static let command = Command(
        "sign",
        summary: "append a signature to a bundle file",
        discussion: [
            "Checks the whole file, then signs the tree it extracts to with OpenSSF Model Signing. The file is written "
                + "anew and renamed. A signature serves people and third parties; what runs on a box is decided by its "
                + "update repository."
        ],
        examples: [Example("Sign a bundle", "edgepack sign --key release.pem dist/digits-1-*.bundle.tar.zst")],
        arguments: [SharedParameters.file],
        options: [key, SharedParameters.threads],
        exitCodes: [.dataError, .noInput, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let loaded = try KeyFile.readPrivate(arguments[key])
        if loaded.isReadableByOthers {
            terminal.warning("\(arguments[key]) can be read by others: chmod 600 \(arguments[key])")
        }
        let path = arguments[SharedParameters.file]
        let head = try BundleSigning.sign(path, key: loaded.key, threads: SharedParameters.threads(arguments))
        let hint = OMSSignature.hint(of: try loaded.key.publicKey)
        terminal.notice("signed sha256:\(head.digest) by key \(hint.prefix(16))…")
        return .done
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
                exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError],
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
