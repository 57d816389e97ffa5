import BundleFormat
import BundleManifest
import CommandLine
import Crypto
import Diagnostics
import Digest
import FileSystem
import JSON
import Packager

/// `edgepack inspect`.
enum InspectCommand {
    private static let bundle = Argument("BUNDLE", .path, summary: "bundle file, or folder of an extracted bundle")
    private static let files = Option.flag("files", summary: "list every file with its size and digest")

    static let command = Command(
        "inspect",
        summary: "show what a bundle is and holds, without checking its content",
        examples: [
            Example("Look into a bundle", "edgepack inspect dist/digits-1-linux-x86_64-glibc2.28-nopy.bundle.tar.zst")
        ],
        arguments: [bundle],
        options: [files, SharedParameters.json],
        exitCodes: [.dataError, .incompatible, .noInput, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let path = arguments[bundle]
        let isFolder = try FileSystem.statusFollowingLinks(of: path)?.kind == .directory
        let head = try isFolder ? BundleTree.readHead(path) : BundleReader(threads: 1).readHead(path)
        let tail = isFolder ? nil : try BundleTail.read(path)
        let signers = (tail?.appended ?? []).filter { $0.tag == AppendedFrame.signatureTag }
            .map { signer($0.body, path) }
        if arguments[SharedParameters.json] {
            let value = try json(head, tail, signers, listsFiles: arguments[files])
            try terminal.write(String(decoding: value.prettyBytes(), as: UTF8.self))
        } else {
            try print(head, tail, signers, listsFiles: arguments[files], terminal)
        }
        return .done
    }

    private static func signer(_ bytes: [UInt8], _ path: String) -> String {
        guard let signature = try? OMSSignature.parse(bytes, source: path) else {
            return "somebody, in a form unknown here"
        }
        switch signature.method {
        // What others put there may be anything; ours is a digest.
        case .publicKey(let hint): return hint.map { "key \($0.prefix(64))" } ?? "a key that it does not name"
        case .certificates(let chain): return "certificate \(chain.signer.subject)"
        }
    }

    private static func json(
        _ head: BundleHead,
        _ tail: BundleTail?,
        _ signers: [String],
        listsFiles: Bool
    ) throws -> JSONValue {
        var value: JSONObject = [
            "digest": .string(head.digest.hex), "platform": .string(head.manifest.platform.description),
            "manifest": try JSONValue.parse(head.manifestBytes, limits: Manifest.limits),
            "signatures": .array(signers.map { .string($0) }),
        ]
        value["builtSize"] = tail.map { .integer($0.builtSize) }
        if listsFiles {
            value["files"] = .array(
                head.tables.flatMap { table in
                    table.contents.files.map { file -> JSONValue in
                        [
                            "path": .string(BundleLayout.path(of: file.path, in: table.component)),
                            "size": .integer(file.size), "sha256": .string(file.digest.hex),
                            "mode": .string(file.isExecutable ? "0755" : "0644"),
                        ]
                    }
                }
            )
        }
        return .object(value)
    }

    private static func print(
        _ head: BundleHead,
        _ tail: BundleTail?,
        _ signers: [String],
        listsFiles: Bool,
        _ terminal: Terminal
    ) throws {
        let manifest = head.manifest
        var facts: [(String, String)] = [
            ("name", manifest.name.text), ("version", manifest.version.description),
            ("digest", "sha256:\(head.digest)"), ("platform", manifest.platform.description),
        ]
        switch manifest.entry {
        case .onnx(let model, let library): facts += [("serves", model), ("with", library)]
        case .script(let script, let model): facts += [("serves", script), ("model", model ?? "none")]
        }
        if let interpreter = manifest.interpreter {
            facts.append(("python", "\(interpreter.version) (\(interpreter.abi), \(interpreter.source.rawValue))"))
        }
        if let tail { facts.append(("file", Quantity.readable(bytes: tail.builtSize))) }
        facts += signers.map { ("signed by", $0) }
        if signers.isEmpty, tail != nil { facts.append(("signed by", "nobody")) }
        for (name, value) in facts {
            try terminal.writeLine(name + String(repeating: " ", count: max(1, 11 - name.count)) + value.printable())
        }
        try terminal.writeLine()
        var components = TextTable([.text("COMPONENT"), .number("FILES"), .number("SIZE")])
        for table in head.tables {
            let size = Quantity.readable(bytes: table.contents.totalBytes)
            components.add(table.component.rawValue, String(table.contents.files.count), size)
        }
        try terminal.write(components.rendered())
        guard listsFiles else { return }
        try terminal.writeLine()
        var listed = TextTable([.text("MODE"), .number("BYTES"), .text("SHA256"), .text("PATH")])
        for table in head.tables {
            for file in table.contents.files {
                listed.add(
                    file.isExecutable ? "0755" : "0644",
                    String(file.size),
                    String(file.digest.hex.prefix(12)),
                    BundleLayout.path(of: file.path, in: table.component)
                )
            }
        }
        try terminal.write(listed.rendered())
    }
}
