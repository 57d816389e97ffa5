package import BundleManifest
package import Diagnostics

/// What an unpacked wheel says about itself in its `.dist-info` folder.
package struct LockedWheel: Sendable, Equatable {
    package let name: String
    package let version: String
    /// The oldest glibc it runs on; nil where it holds no machine code.
    package let glibc: GlibcVersion?

    package init(name: String, version: String, glibc: GlibcVersion?) {
        self.name = name
        self.version = version
        self.glibc = glibc
    }

    /// Reads the texts of METADATA and WHEEL (packaging.python.org, "Binary distribution format").
    init(metadata: String, wheel: String, architecture: Platform.Architecture, folder: String) throws(WheelError) {
        guard let name = Self.fields(metadata, "Name").first, let version = Self.fields(metadata, "Version").first
        else {
            throw WheelError.noMetadata(folder: folder)
        }
        let tags = Self.fields(wheel, "Tag")
        guard !tags.isEmpty else { throw WheelError.noMetadata(folder: folder) }
        self.name = name
        self.version = version
        self.glibc = try Self.glibc(tags: tags, architecture: architecture, wheel: "\(name) \(version)")
    }

    /// The oldest glibc that one of the tags allows, or nil where one of them allows any machine.
    ///
    /// A wheel with several tags runs wherever one of them fits, so that the least demanding one counts.
    static func glibc(
        tags: [String],
        architecture: Platform.Architecture,
        wheel: String
    ) throws(WheelError) -> GlibcVersion? {
        var versions: [GlibcVersion] = []
        for tag in tags {
            let parts = tag.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            for platform in parts[2].split(separator: ".") {
                if platform == "any" { return nil }
                if let version = glibc(platform: platform, architecture: architecture) { versions.append(version) }
            }
        }
        guard let oldest = versions.min() else {
            throw WheelError.unknownNeeds(wheel: wheel, tags: tags, architecture: architecture.rawValue)
        }
        return oldest
    }

    /// `manylinux_2_28_x86_64` and the older names of PEP 513, 571 and 599; nil for anything else.
    private static func glibc(platform: Substring, architecture: Platform.Architecture) -> GlibcVersion? {
        let suffix = "_\(architecture.rawValue)"
        guard platform.hasSuffix(suffix) else { return nil }
        switch platform.dropLast(suffix.count) {
        case "manylinux1": return GlibcVersion(2, 5)
        case "manylinux2010": return GlibcVersion(2, 12)
        case "manylinux2014": return GlibcVersion(2, 17)
        case let name where name.hasPrefix("manylinux_"):
            return GlibcVersion(name.dropFirst("manylinux_".count).split(separator: "_").joined(separator: "."))
        default: return nil
        }
    }

    /// The values of a header in the lines before the first blank one.
    private static func fields(_ text: String, _ name: String) -> [String] {
        var values: [String] = []
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            if line.isEmpty { break }
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name.lowercased() else {
                continue
            }
            values.append(line[line.index(after: colon)...].split(separator: " ").joined(separator: " "))
        }
        return values
    }
}

/// What is wrong with an unpacked wheel.
package enum WheelError: ExplainedError, Equatable {
    case noMetadata(folder: String)
    /// It says it is built for a machine, but not for which glibc.
    case unknownNeeds(wheel: String, tags: [String], architecture: String)
    case malformedRecord(folder: String, line: Int)
    /// Two wheels bring the same file with different bytes: which one is there would be chance.
    case conflict(path: String, first: String, second: String)
    case noLibrary(version: String)
    case notARegularFile(path: String)

    package var message: String {
        switch self {
        case .noMetadata(let folder): "\(folder) has no METADATA with a name and version, or no WHEEL with tags"
        case .unknownNeeds(let wheel, let tags, let architecture):
            "\(wheel) does not say which glibc it needs on \(architecture): \(tags.joined(separator: ", "))"
        case .malformedRecord(let folder, let line): "\(folder)/RECORD:\(line): is not PATH,HASH,SIZE"
        case .conflict(let path, let first, let second): "\(first) and \(second) both bring \(path), and differ"
        case .noLibrary(let version): "the wheel of onnxruntime \(version) holds no libonnxruntime.so.\(version)"
        case .notARegularFile(let path): "\(path) in an unpacked wheel is no regular file"
        }
    }

    package var hint: String? {
        switch self {
        case .unknownNeeds: "use a wheel with a manylinux tag, as the package index of Python demands"
        case .conflict: "require only one of the two packages"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .unknownNeeds: .incompatible
        default: .dataError
        }
    }
}
