import BundleFormat
import BundleManifest
import CommandLine
import Crypto
import Diagnostics
import Digest
import JSON
import Packager

/// `edgepack verify`.
enum VerifyCommand {
    private static let file = Argument.optional("FILE", .path, summary: "bundle file")
    private static let key = Option.optional(
        "key",
        .path.named("KEY.pub"),
        summary: "public key that must have signed it; without it only the digests are checked"
    )
    private static let tree = Option.optional(
        "tree",
        .directory,
        summary: "folder of an extracted bundle to verify instead of a file"
    )
    private static let signature = Option.optional(
        "signature",
        .path.named("model.sig"),
        summary: "the detached signature over that folder"
    )

    static let command = Command(
        "verify",
        summary: "check every byte of a bundle, and who signed it",
        examples: [
            Example("Verify a file", "edgepack verify digits.bundle.tar.zst --key release.pub"),
            Example("Verify a tree", "edgepack verify --tree ./tree --signature model.sig --key release.pub"),
        ],
        arguments: [file],
        options: [key, tree, signature, SharedParameters.threads, SharedParameters.json],
        exitCodes: [.signatureInvalid, .dataError, .incompatible, .noInput, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let publicKey = try arguments[key].map { try KeyFile.readPublic($0) }
        let head: BundleHead
        let what: String
        if let folder = arguments[tree] {
            guard arguments[file] == nil, let path = arguments[signature], let publicKey else {
                throw arguments.usageError("--tree goes with --signature and --key, and without FILE")
            }
            head = try BundleSigning.verifyTree(folder, signature: path, key: publicKey)
            what = folder
        } else {
            guard let path = arguments[file], arguments[signature] == nil else {
                throw arguments.usageError("give a bundle FILE, or --tree with --signature and --key")
            }
            let threads = SharedParameters.threads(arguments)
            head = try BundleSigning.verify(path, key: publicKey, threads: threads).head
            what = path
        }
        try report(what, head, signedBy: publicKey, arguments, terminal)
        return .done
    }

    private static func report(
        _ what: String,
        _ head: BundleHead,
        signedBy key: PublicKey?,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws {
        guard arguments[SharedParameters.json] else {
            let signer =
                key.map { "signed by key \(OMSSignature.hint(of: $0).prefix(16))…" }
                ?? "no key was given, so no signature was checked"
            try terminal.writeLine("\(terminal.styled("ok", .good)): \(what.printable())")
            try terminal.writeLine("sha256:\(head.digest)  \(head.manifest.name)@\(head.manifest.version)  \(signer)")
            return
        }
        let result: JSONValue = [
            "path": .string(what), "digest": .string(head.digest.hex), "name": .string(head.manifest.name.text),
            "version": .string(head.manifest.version.description),
            "platform": .string(head.manifest.platform.description),
            "signedBy": key.map { .string(OMSSignature.hint(of: $0)) } ?? .null,
        ]
        try terminal.write(String(decoding: result.prettyBytes(), as: UTF8.self))
    }
}
