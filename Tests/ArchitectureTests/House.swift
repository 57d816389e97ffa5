import FileSystem

/// What the rules look at: the targets, and which modules their Swift sources import.
struct House {
    let manifest: PackageManifest
    /// By target, by the path of the source below `Sources`.
    let imports: [String: [SourceImport]]

    struct SourceImport: Equatable {
        let file: String
        let module: String
    }

    init(manifest: PackageManifest, imports: [String: [SourceImport]]) {
        self.manifest = manifest
        self.imports = imports
    }

    /// The repository that these tests are part of.
    static func here() throws -> House {
        let source = try Repository.text("Package.swift")
        var imports: [String: [SourceImport]] = [:]
        for file in try FileSystem.files(below: "\(Repository.root)/Sources", limit: 10_000) {
            let target = String(file.path.prefix { $0 != "/" })
            imports[target, default: []] += []
            guard file.path.hasSuffix(".swift") else { continue }
            imports[target, default: []] += try modules(importedBy: Repository.text("Sources/\(file.path)")).map {
                SourceImport(file: file.path, module: $0)
            }
        }
        return House(manifest: try PackageManifest(source: source), imports: imports)
    }

    /// The modules that a source imports, each as often as it does: `package import JSON`, `import struct Glibc.stat`.
    static func modules(importedBy source: String) throws -> [String] {
        let kinds: Set<String> = [
            "actor", "class", "enum", "func", "let", "protocol", "struct", "typealias", "var",
        ]
        let tokens = try SwiftTokenizer.tokens(of: source)
        return tokens.indices.compactMap { index in
            guard tokens[index] == .word("import"), index == 0 || tokens[index - 1] != .symbol("`") else { return nil }
            let names = tokens[(index + 1)...].prefix(2).compactMap { token -> String? in
                guard case .word(let word) = token else { return nil }
                return word
            }
            return names.first { !kinds.contains($0) }
        }
    }
}

/// The checkout.
enum Repository {
    /// Two folders above this file's own.
    static let root = FileSystem.parent(of: FileSystem.parent(of: FileSystem.parent(of: #filePath)))

    /// A text file of it.
    static func text(_ path: String) throws -> String {
        String(decoding: try FileSystem.read("\(root)/\(path)", limit: 4 << 20), as: UTF8.self)
    }
}
