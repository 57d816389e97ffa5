import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// The same inputs give the same bytes wherever, whenever and by whomever they are packed.
@Suite(.programs, .oneByOne) struct ReproducibilityTests {
    /// Everything about a build that must not matter.
    private struct Surroundings {
        var folder: String
        var umask: String
        var timeZone: String
        var locale: String
        var threads: String
        var isReversed: Bool
        /// A cache of its own: the environment is unpacked anew, under this umask.
        var cache: String?
    }

    @Test(arguments: ["digits", "digits-script"])
    func packsTheSameBytesInOtherSurroundings(_ name: String) throws {
        let scratch = try Scratch()
        let plain = Surroundings(
            folder: "a",
            umask: "022",
            timeZone: "UTC",
            locale: "C",
            threads: "1",
            isReversed: false
        )
        let other = Surroundings(
            folder: "another folder/with a longer name",
            umask: "077",
            timeZone: "Pacific/Auckland",
            locale: try Self.unusualLocale(),
            threads: "4",
            isReversed: true,
            cache: scratch("cache")
        )
        let first = try build(name, in: plain, scratch)
        let second = try build(name, in: other, scratch)
        let unpacked = try FileSystem.names(in: scratch("cache/edgepack/environments"))
        #expect(unpacked.count == 2, "the second build has to unpack its environments itself: \(unpacked)")
        #expect(first.map(FileSystem.name) == second.map(FileSystem.name))
        #expect(first.count == 2, "one bundle for each architecture: \(first)")
        for (one, two) in zip(first, second) {
            let comparison = try Programs.run("/usr/bin/cmp", [one, two])
            #expect(comparison.isSuccess, "\(comparison.outputText)\(comparison.errorText)")
        }
    }

    @Test func anotherLevelGivesOtherBytesOfTheSameBundle() throws {
        let example = try Example.native.get()
        let scratch = try Scratch()
        let device = "generic-\(Architecture.here.rawValue)"
        let built = try JSONValue.parse(
            Array(
                Programs.pack(
                    "build",
                    example.project,
                    "-o",
                    scratch("dist"),
                    "--device",
                    device,
                    "--level",
                    "1",
                    "--json"
                ).utf8
            ),
            limits: .document
        )
        let path = try #require(built.arrayValue?.first?["path"]?.stringValue)
        #expect(try Programs.run("/usr/bin/cmp", [path, example.bundle]).status == .exited(1))
        let inspected = try JSONValue.parse(
            Array(Programs.pack("inspect", example.bundle, "--json").utf8),
            limits: .document
        )
        #expect(built.arrayValue?.first?["digest"] == inspected["digest"])
    }

    @Test func signingTwiceLeavesOneSignatureAndTheSameBundle() throws {
        let example = try Example.native.get()
        let scratch = try Scratch()
        try scratch.copy(example.signed, as: "bundle")
        try Programs.pack("sign", "--key", Keys.shared.get().key, scratch("bundle"))
        let inspect = { (path: String) in
            try JSONValue.parse(Array(Programs.pack("inspect", path, "--json").utf8), limits: .document)
        }
        #expect(try inspect(scratch("bundle")) == inspect(example.signed))
    }

    /// Sorts and upper-cases otherwise than C, where it is installed.
    private static func unusualLocale() throws -> String {
        guard let program = Judge.find("locale") else { return "C.UTF-8" }
        let installed = try Programs.succeed(program, ["-a"]).split(separator: "\n")
        if let turkish = installed.first(where: { $0.hasPrefix("tr_TR") }) { return String(turkish) }
        print("not judged: no Turkish locale is installed; C.UTF-8 is taken")
        return "C.UTF-8"
    }

    /// The bundles of a copy of an example, sorted by name.
    private func build(_ name: String, in surroundings: Surroundings, _ scratch: Scratch) throws -> [String] {
        let project = try scratch.folder("\(surroundings.folder)/\(name)")
        try copyFiles(
            from: "\(Programs.repository)/examples/\(name)",
            to: project,
            isReversed: surroundings.isReversed
        )
        if name == "digits-script" {
            // Executable by its owner, whoever else may execute it.
            try FileSystem.write(
                Array("#!/bin/sh\n".utf8),
                to: "\(project)/src/tool.sh",
                mode: surroundings.isReversed ? 0o700 : 0o755
            )
        }
        let output = scratch("\(surroundings.folder)/dist")
        var environment = Programs.environment
        environment["TZ"] = surroundings.timeZone
        environment["LANG"] = surroundings.locale
        environment["LC_ALL"] = surroundings.locale
        if let cache = surroundings.cache {
            // uv's own cache stays, so that nothing is downloaded twice.
            let uv = try #require(environment["EDGEPACK_UV"])
            let downloads = try Programs.succeed(uv, ["cache", "dir"]).split(separator: "\n").first
            environment["UV_CACHE_DIR"] = try String(#require(downloads))
            environment["XDG_CACHE_HOME"] = cache
        }
        let build = [Programs.edgepack, "build", project, "-o", output, "--threads", surroundings.threads]
        let result = try Programs.run(
            "/bin/sh",
            ["-c", "umask \(surroundings.umask); exec \"$@\"", "sh"] + build,
            environment: environment
        )
        guard result.isSuccess else { throw ProgramFailed(program: "edgepack", arguments: build, result: result) }
        return try FileSystem.names(in: output).map { "\(output)/\($0)" }
    }

    /// Copies the files one by one, with other times and, as an owner under another umask has them, other modes.
    private func copyFiles(from source: String, to destination: String, isReversed: Bool) throws {
        let files = try FileSystem.files(below: source, limit: 1000)
        for file in isReversed ? files.reversed() : files {
            let path = "\(destination)/\(file.path)"
            try FileSystem.createDirectories(FileSystem.parent(of: path))
            try FileSystem.write(
                FileSystem.read("\(source)/\(file.path)", limit: 1 << 24),
                to: path,
                mode: file.status.permissions & (isReversed ? 0o700 : 0o777)
            )
            let time = timespec(tv_sec: isReversed ? 1 : 1_700_000_000, tv_nsec: 0)
            guard utimensat(AT_FDCWD, path, [time, time], 0) == 0 else {
                throw POSIXError(operation: "utimensat", code: errno)
            }
        }
    }
}
