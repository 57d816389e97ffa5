import FileSystem
import Glibc
import Processes
import Testing

/// The architecture of this machine, and another one that bundles are built for.
enum Architecture: String {
    case x86 = "x86_64"
    case arm = "aarch64"

    static var here: Architecture {
        #if arch(arm64)
            .arm
        #else
            .x86
        #endif
    }

    static var other: Architecture { here == .x86 ? .arm : .x86 }

    /// The ELF specification's number of the machine (`e_machine`).
    var machine: UInt16 { self == .x86 ? 62 : 183 }
}

/// An example project as a user of the packager gets it, for two architectures; built once per run.
struct Example: Sendable {
    static let native = Result { try Example("digits") }
    static let script = Result { try Example("digits-script") }

    /// The project's folder.
    let project: String
    /// The bundles as built: for this machine and for another architecture.
    let bundle: String
    let bundleForOther: String
    /// A copy of `bundle` that `key` signed.
    let signed: String
    /// `signed` as `edgepack extract` extracts it. Not to be changed.
    let tree: String
    /// The signature as `edgepack signature export` writes it.
    let signature: String

    private init(_ name: String) throws {
        let folder = try FileSystem.createFolder("\(Keys.shared.get().folder)/\(name)")
        project = "\(Programs.repository)/examples/\(name)"
        try Programs.pack("build", project, "-o", folder)
        bundle = try Self.file(for: .here, in: folder)
        bundleForOther = try Self.file(for: .other, in: folder)
        signed = "\(folder)/signed.bundle.tar.zst"
        tree = "\(folder)/tree"
        signature = "\(folder)/model.sig"
        try Programs.succeed("/bin/cp", [bundle, signed])
        try Programs.pack("sign", "--key", Keys.shared.get().key, signed)
        try Programs.pack("signature", "export", signed, "-o", signature)
        try Programs.pack("extract", signed, tree)
    }

    private static func file(for architecture: Architecture, in folder: String) throws -> String {
        let names = try FileSystem.names(in: folder).filter { $0.contains("-linux-\(architecture.rawValue)-") }
        return "\(folder)/\(try #require(names.first))"
    }

    /// The body of a request that comes with the example.
    func request(_ name: String) throws -> String {
        String(decoding: try FileSystem.read("\(project)/requests/\(name).json", limit: 1 << 20), as: UTF8.self)
    }

    var requests: [String] {
        get throws { try FileSystem.names(in: "\(project)/requests").map { "\(project)/requests/\($0)" } }
    }
}

/// Two key pairs, and the folder that all shared fixtures are in; it is removed when the process ends.
struct Keys: Sendable {
    static let shared = Result { try Keys() }

    let folder: String
    let key: String
    let publicKey: String
    let otherPublicKey: String

    private init() throws {
        var template = Array("/tmp/edge-e2e-shared-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(operation: "mkdtemp", code: errno) }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        atexit { if let keys = try? Keys.shared.get() { try? FileSystem.removeTree(keys.folder) } }
        key = "\(folder)/key.pem"
        publicKey = "\(folder)/key.pub"
        otherPublicKey = "\(folder)/other.pub"
        try Programs.pack("key", "generate", "--out", key)
        try Programs.pack("key", "generate", "--out", "\(folder)/other.pem")
    }
}

extension FileSystem {
    /// Makes a folder and returns its path.
    static func createFolder(_ path: String) throws -> String {
        try createDirectories(path)
        return path
    }
}
