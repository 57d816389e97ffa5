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
    private static let files = SharedParameters.files(minimum: 0)
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
            Example("Verify every bundle of a build", "edgepack verify dist/*.bundle.tar.zst --key release.pub"),
            Example("Verify a tree", "edgepack verify --tree ./tree --signature model.sig --key release.pub"),
        ],
        arguments: [files],
        options: [key, tree, signature, SharedParameters.threads, SharedParameters.json],
        exitCodes: [.signatureInvalid, .dataError, .incompatible, .noInput, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let publicKey = try arguments[key].map { try KeyFile.readPublic($0) }
        if let folder = arguments[tree] {
            guard arguments[files].isEmpty, let path = arguments[signature], let publicKey else {
                throw arguments.usageError("--tree goes with --signature and --key, and without FILE")
            }
            let head = try BundleSigning.verifyTree(folder, signature: path, key: publicKey)
            try report(folder, head, signedBy: publicKey, arguments, terminal)
            return .done
        }
        guard !arguments[files].isEmpty, arguments[signature] == nil else {
            throw arguments.usageError("give a bundle FILE, or --tree with --signature and --key")
        }
        return try terminal.forEach(arguments[files]) { path in
            let threads = SharedParameters.threads(arguments)
            let head = try BundleSigning.verify(path, key: publicKey, threads: threads)
            try report(path, head, signedBy: publicKey, arguments, terminal)
            return .done
        }
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
        try terminal.write(result, isOneOfSeveral: arguments[files].count > 1)
    }
}
