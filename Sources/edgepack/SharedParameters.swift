import CommandLine
import Glibc
import Packager
import Processes

/// What several commands of edgepack take.
enum SharedParameters {
    static let json = Option.flag("json", summary: "print the result as JSON")
    static let project = Argument("PROJECT", .path, default: ".", summary: "folder with bundle.yaml")
    static let file = Argument("FILE", .path, summary: "bundle file (.bundle.tar.zst)")
    /// Bundle files, as many as a shell's pattern names.
    static func files(minimum: Int) -> Argument<[String]> {
        .repeated("FILE", .path, minimum: minimum, summary: "bundle files (.bundle.tar.zst)")
    }

    static let uv = Option.optional(
        "uv",
        .path,
        environment: "EDGEPACK_UV",
        summary: "the program uv; without it PATH is searched"
    )
    static let devices = Option.repeated(
        "device",
        .text.named("PROFILE"),
        summary: "device profile to build for, by name or path, instead of those in bundle.yaml"
    )
    static let threads = Option.optional(
        "threads",
        .integer(in: 1...64),
        summary: "threads that hash and compress; without it one for each processor"
    )

    static func threads(_ arguments: ParsedArguments) -> Int {
        arguments[threads] ?? max(1, min(16, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }

    static func uv(_ arguments: ParsedArguments) throws -> UvTool {
        try UvTool.find(option: arguments[uv], environment: Processes.inheritedEnvironment())
    }

    /// The profiles asked for, or those that the project names.
    static func profiles(_ arguments: ParsedArguments, _ project: Project) throws -> [DeviceProfile] {
        let profiles = DeviceProfiles(projectFolder: project.folder)
        let named = arguments[devices]
        return try named.isEmpty ? profiles.profiles(of: project.file) : named.map { try profiles.profile($0) }
    }

    static func fetcher(_ arguments: ParsedArguments) throws -> LockedEnvironmentFetcher {
        let cache = try LockedEnvironmentFetcher.cacheFolder(environment: Processes.inheritedEnvironment())
        return LockedEnvironmentFetcher(uv: try uv(arguments), cache: cache)
    }
}
