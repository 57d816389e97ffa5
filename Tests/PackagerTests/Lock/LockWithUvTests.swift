import BundleManifest
import Diagnostics
import FileSystem
import Synchronization
import Testing

@testable import Packager
@testable import Processes

/// Answers in uv's place.
private final class ScriptedUv: ProgramRunning {
    typealias Answer = @Sendable (_ arguments: [String], _ folder: String) throws -> ProcessResult

    private let calls = Mutex<[(arguments: [String], environment: [String: String])]>([])
    private let answer: Answer

    init(_ answer: @escaping Answer) {
        self.answer = answer
    }

    var arguments: [[String]] { calls.withLock { $0.map(\.arguments) } }
    var environments: [[String: String]] { calls.withLock { $0.map(\.environment) } }

    func run(
        _ program: String,
        arguments: [String],
        environment: [String: String],
        workingDirectory: String?
    ) throws -> ProcessResult {
        calls.withLock { $0.append((arguments, environment)) }
        if arguments == ["--version"] { return Self.done("uv 0.0.1 (test)\n") }
        return try answer(arguments, workingDirectory ?? "")
    }

    static func done(_ output: String = "") -> ProcessResult {
        ProcessResult(status: .exited(0), standardOutput: Array(output.utf8), standardError: [])
    }

    static func failed(_ code: Int32, _ words: String) -> ProcessResult {
        ProcessResult(status: .exited(code), standardOutput: [], standardError: Array(words.utf8))
    }
}

private let lockBody = "numpy==2.4.6 \\\n    --hash=sha256:\(String(repeating: "0", count: 64))\n"

@Suite struct LockResolverTests {
    private func project() throws -> (TemporaryProject, Project, [DeviceProfile]) {
        let folder = try TemporaryProject()
        let yaml = """
            name: a
            code_configuration: {code: src, scoring_script: score.py}
            environment: {python: "3.11", requirements: r.in}
            devices: [generic-x86_64, generic-aarch64]
            """
        try folder.write(yaml, to: "bundle.yaml")
        try folder.write("numpy # fast\n-c pins.in\n", to: "r.in")
        try folder.write("numpy<3\n", to: "pins.in")
        return (folder, try Project.read(folder.path), DeviceProfile.builtIn)
    }

    @Test func asksUvForEachPlatformAndWritesTheLocks() throws {
        let (folder, project, profiles) = try project()
        defer { folder.remove() }
        let programs = ScriptedUv { _, work in
            #expect(try FileSystem.read("\(work)/in.txt", limit: 99) == Array("numpy\n".utf8))
            #expect(try FileSystem.read("\(work)/constraints.txt", limit: 99) == Array("numpy<3\n".utf8))
            #expect(try FileSystem.status(of: "\(work)/out.txt") == nil)
            try FileSystem.write(Array(lockBody.utf8), to: "\(work)/out.txt")
            return ScriptedUv.done()
        }
        let environment = ["UV_PYTHON": "x", "UV_DEFAULT_INDEX": "y"]
        let resolver = LockResolver(uv: UvTool(path: "uv", environment: environment, programs: programs))
        let outcomes = try resolver.lock(project, on: profiles, upgrade: false)

        #expect(outcomes.map(\.change) == [.created, .created])
        #expect(outcomes.map(\.path) == ["aarch64", "x86_64"].map { "\(folder.path)/locks/linux-\($0)-cp311.txt" })
        #expect(try folder.text("locks/linux-x86_64-cp311.txt") == outcomes[1].lock.text)
        for (arguments, architecture) in zip(programs.arguments, ["aarch64", "x86_64"]) {
            let line = arguments.joined(separator: " ")
            #expect(line.hasPrefix("pip compile -q in.txt -o out.txt --python-version 3.11 --python-platform "))
            #expect(line.contains(" \(architecture)-manylinux_2_34 --only-binary :all: --generate-hashes "))
            #expect(line.contains(" --no-emit-index-url ") && line.hasSuffix(" -c constraints.txt"))
        }
        #expect(programs.environments.allSatisfy { $0["UV_DEFAULT_INDEX"] == "y" && $0["UV_PYTHON"] == nil })
        for request in try LockRequest.requests(of: project, on: profiles) {
            #expect(throws: Never.self) { try LockFile.read(of: project, for: request) }
        }
    }

    @Test func keepsThePinsThatAreThereUnlessToldOtherwise() throws {
        let (folder, project, profiles) = try project()
        defer { folder.remove() }
        let offered = Mutex<[Bool]>([])
        let programs = ScriptedUv { _, work in
            let isThere = try FileSystem.status(of: "\(work)/out.txt") != nil
            offered.withLock { $0.append(isThere) }
            try FileSystem.write(Array(lockBody.utf8), to: "\(work)/out.txt")
            return ScriptedUv.done()
        }
        let resolver = LockResolver(uv: UvTool(path: "uv", environment: [:], programs: programs))
        _ = try resolver.lock(project, on: profiles, upgrade: false)
        let again = try resolver.lock(project, on: profiles, upgrade: false)
        #expect(again.map(\.change) == [.unchanged, .unchanged])
        _ = try resolver.lock(project, on: profiles, upgrade: true)
        #expect(offered.withLock { $0 } == [false, false, true, true, false, false])
    }

    @Test func writesNothingUnlessAllPlatformsCanBeResolved() throws {
        let (folder, project, profiles) = try project()
        defer { folder.remove() }
        let programs = ScriptedUv { arguments, work in
            if arguments.contains("x86_64-manylinux_2_34") {
                return ScriptedUv.failed(1, "error: No solution found\n  cause: there is no numpy\n")
            }
            try FileSystem.write(Array(lockBody.utf8), to: "\(work)/out.txt")
            return ScriptedUv.done()
        }
        let resolver = LockResolver(uv: UvTool(path: "uv", environment: [:], programs: programs))
        let error = #expect(throws: UvError.self) { try resolver.lock(project, on: profiles, upgrade: false) }
        let task = "uv could not resolve the environment for linux-x86_64-cp311"
        #expect(error?.message == "\(task): No solution found: there is no numpy")
        #expect(error?.exitCode == .dataError)
        #expect(try FileSystem.status(of: "\(folder.path)/locks") == nil)
    }

    @Test func refusesALockThatNamesAnIndex() throws {
        let (folder, project, profiles) = try project()
        defer { folder.remove() }
        let programs = ScriptedUv { _, work in
            try FileSystem.write(Array("--index-url https://example.org\n\(lockBody)".utf8), to: "\(work)/out.txt")
            return ScriptedUv.done()
        }
        let resolver = LockResolver(uv: UvTool(path: "uv", environment: [:], programs: programs))
        #expect(throws: LockError.self) { try resolver.lock(project, on: profiles, upgrade: false) }
        #expect(try FileSystem.status(of: "\(folder.path)/locks") == nil)
    }
}

@Suite struct LockedEnvironmentFetcherTests {
    /// What uv leaves behind for a wheel with a script, without the parts named in `without`.
    private static func unpack(_ target: String, without: String? = nil) throws {
        let files = [
            ".lock": "", "bin/tool": "#!/usr/bin/python", "w/__init__.py": "x = 1\n", "w/m.so": "code",
            "w/__pycache__/m.pyc": "compiled", "w-1.dist-info/METADATA": "Name: w\nVersion: 1\n",
            "w-1.dist-info/WHEEL": "Tag: cp311-cp311-manylinux_2_28_x86_64\n", "w-1.dist-info/INSTALLER": "uv",
            "w-1.dist-info/REQUESTED": "", "w-1.dist-info/direct_url.json": "{}", "w-1.dist-info/uv_cache.json": "{}",
            "w-1.dist-info/RECORD": "w/m.so,sha256=b,4\nbin/tool,sha256=t,1\nw/__init__.py,sha256=a,6\n",
        ]
        for (path, text) in files where path != without {
            try FileSystem.createDirectories(FileSystem.parent(of: "\(target)/\(path)"))
            try FileSystem.write(Array(text.utf8), to: "\(target)/\(path)")
        }
    }

    private static func target(_ arguments: [String], _ folder: String) throws -> String {
        let place = try #require(arguments.firstIndex(of: "--target")) + 1
        return FileSystem.join(folder, arguments[place])
    }

    private static let request = LockFileTests.request()

    private func fetcher(_ cache: TemporaryProject, _ programs: ScriptedUv) -> LockedEnvironmentFetcher {
        LockedEnvironmentFetcher(uv: UvTool(path: "uv", environment: [:], programs: programs), cache: cache.path)
    }

    private func lock() throws -> LockFile { try LockFile(request: Self.request, body: lockBody, path: "l") }

    @Test func makesATreeThatIsAFunctionOfTheWheels() throws {
        let cache = try TemporaryProject()
        defer { cache.remove() }
        let programs = ScriptedUv { arguments, folder in
            let given = try FileSystem.read("\(folder)/lock.txt", limit: 9999)
            #expect(String(decoding: given, as: UTF8.self).hasSuffix(lockBody))
            try Self.unpack(try Self.target(arguments, folder))
            return ScriptedUv.done()
        }
        let environment = try fetcher(cache, programs).fetch(try lock(), for: Self.request)
        let files = try FileSystem.files(below: environment.path, limit: 99).map(\.path)
        #expect(
            files == [
                "w-1.dist-info/METADATA", "w-1.dist-info/RECORD", "w-1.dist-info/WHEEL", "w/__init__.py", "w/m.so",
            ]
        )
        #expect(try FileSystem.names(in: environment.path) == ["w", "w-1.dist-info"])
        let record = try FileSystem.read("\(environment.path)/w-1.dist-info/RECORD", limit: 999)
        let expected = "w-1.dist-info/RECORD,,\nw/__init__.py,sha256=a,6\nw/m.so,sha256=b,4\n"
        #expect(String(decoding: record, as: UTF8.self) == expected)
        #expect(environment.glibc == GlibcVersion(2, 28))
        #expect(environment.python == "cp311")
        #expect(environment.wheels == [LockedWheel(name: "w", version: "1", glibc: GlibcVersion(2, 28))])
        let line = programs.arguments[1].joined(separator: " ")
        #expect(line.contains("--no-deps --require-hashes --only-binary :all: --no-compile-bytecode --link-mode copy"))
        #expect(line.contains("--python-version 3.11 --python-platform x86_64-manylinux_2_34 -r lock.txt"))
    }

    @Test func takesFromTheCacheWhatIsWhole() throws {
        let cache = try TemporaryProject()
        defer { cache.remove() }
        let programs = ScriptedUv { arguments, folder in
            try Self.unpack(try Self.target(arguments, folder))
            return ScriptedUv.done()
        }
        let first = try fetcher(cache, programs).fetch(try lock(), for: Self.request)
        #expect(try fetcher(cache, programs).fetch(try lock(), for: Self.request) == first)
        #expect(programs.arguments.count { $0.first == "pip" } == 1)

        try FileSystem.removeFile("\(first.path)/w/m.so")
        #expect(try fetcher(cache, programs).fetch(try lock(), for: Self.request) == first)
        #expect(try FileSystem.status(of: "\(first.path)/w/m.so") != nil)
        #expect(programs.arguments.count { $0.first == "pip" } == 2)
    }

    @Test(arguments: ["coda", "code, longer"])
    func fetchesAnewWhatWasChangedInTheCache(content: String) throws {
        let cache = try TemporaryProject()
        defer { cache.remove() }
        let programs = ScriptedUv { arguments, folder in
            try Self.unpack(try Self.target(arguments, folder))
            return ScriptedUv.done()
        }
        let first = try fetcher(cache, programs).fetch(try lock(), for: Self.request)
        try FileSystem.write(Array(content.utf8), to: "\(first.path)/w/m.so")
        #expect(try fetcher(cache, programs).fetch(try lock(), for: Self.request) == first)
        #expect(try FileSystem.read("\(first.path)/w/m.so", limit: 99) == Array("code".utf8))
        try FileSystem.removeFile("\(first.path)/w/m.so")
        try FileSystem.write(Array("code".utf8), to: "\(first.path)/w/m.so", mode: 0o755)
        #expect(try fetcher(cache, programs).fetch(try lock(), for: Self.request) == first)
        #expect(programs.arguments.count { $0.first == "pip" } == 3)
    }

    @Test func leavesNothingInTheCacheWhenFetchingFails() throws {
        let cache = try TemporaryProject()
        defer { cache.remove() }
        let programs = ScriptedUv { arguments, folder in
            try Self.unpack(try Self.target(arguments, folder))
            return ScriptedUv.failed(2, "warning: slow\nerror: Failed to fetch\n  Caused by: no route\n")
        }
        let error = #expect(throws: UvError.self) {
            try fetcher(cache, programs).fetch(try lock(), for: Self.request)
        }
        let task = "uv could not fetch the environment for linux-x86_64-cp311"
        #expect(error?.message == "\(task): Failed to fetch: no route")
        #expect(error?.exitCode == .unavailable)
        #expect(try FileSystem.names(in: "\(cache.path)/environments") == [])
    }

    @Test func refusesWheelsThatOverwriteEachOther() throws {
        let cache = try TemporaryProject()
        defer { cache.remove() }
        let programs = ScriptedUv { arguments, folder in
            let target = try Self.target(arguments, folder)
            try Self.unpack(target)
            let other = [
                "METADATA": "Name: v\nVersion: 2\n", "WHEEL": "Tag: py3-none-any\n", "RECORD": "w/m.so,sha256=c,4\n",
            ]
            try FileSystem.createDirectories("\(target)/v-2.dist-info")
            for (name, text) in other { try FileSystem.write(Array(text.utf8), to: "\(target)/v-2.dist-info/\(name)") }
            return ScriptedUv.done()
        }
        let error = #expect(throws: WheelError.self) {
            try fetcher(cache, programs).fetch(try lock(), for: Self.request)
        }
        #expect(error == .conflict(path: "w/m.so", first: "v-2.dist-info", second: "w-1.dist-info"))
    }

    @Test func keepsTheLibraryAndItsLicencesOfONNXRuntime() throws {
        let cache = try TemporaryProject()
        defer { cache.remove() }
        let platform = LockPlatform(architecture: .amd64, python: nil, glibc: GlibcVersion(2, 34))
        let request = LockRequest(platform: platform, wanted: .onnxRuntime(version: "1.31.1"))
        let programs = ScriptedUv { arguments, folder in
            let target = try Self.target(arguments, folder)
            try Self.unpack(target)
            for name in ["capi/libonnxruntime.so.1.31.1", "capi/other.so", "LICENSE", "ThirdPartyNotices.txt"] {
                try FileSystem.createDirectories("\(target)/onnxruntime/capi")
                try FileSystem.write(Array(name.utf8), to: "\(target)/onnxruntime/\(name)", mode: 0o755)
            }
            return ScriptedUv.done()
        }
        let lock = try LockFile(request: request, body: lockBody, path: "l")
        let environment = try fetcher(cache, programs).fetch(lock, for: request)
        let files = try FileSystem.files(below: environment.path, limit: 99)
        #expect(
            files.map(\.path) == [
                "lib/libonnxruntime.so.1.31.1", "licenses/onnxruntime/LICENSE",
                "licenses/onnxruntime/ThirdPartyNotices.txt",
            ]
        )
        #expect(files.allSatisfy { !$0.status.isExecutable })
        #expect(environment.python == nil)
        #expect(LockedEnvironment.libraryPath(version: "1.31.1") == files[0].path)
        #expect(try fetcher(cache, programs).fetch(lock, for: request) == environment)
        #expect(programs.arguments.count { $0.first == "pip" } == 1)
    }

    @Test(arguments: [
        (["XDG_CACHE_HOME": "/x", "HOME": "/h"], "/x/edgepack"), (["HOME": "/h"], "/h/.cache/edgepack"),
        (["XDG_CACHE_HOME": "relative", "HOME": "/h"], "/h/.cache/edgepack"),
    ])
    func findsItsCache(environment: [String: String], folder: String) throws {
        #expect(try LockedEnvironmentFetcher.cacheFolder(environment: environment) == folder)
        #expect(throws: CacheError.self) { try LockedEnvironmentFetcher.cacheFolder(environment: [:]) }
    }
}

@Suite struct UvToolTests {
    @Test func isFoundByOptionThenVariableThenPath() throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        for name in ["a/uv", "b/uv", "c/uv"] { try folder.write("#!/bin/sh\n", to: name, mode: 0o755) }
        let environment = ["EDGEPACK_UV": "\(folder.path)/b/uv", "PATH": "/nowhere:\(folder.path)/c"]
        #expect(try UvTool.find(option: "\(folder.path)/a/uv", environment: environment).path.hasSuffix("/a/uv"))
        #expect(try UvTool.find(option: nil, environment: environment).path.hasSuffix("/b/uv"))
        let path = ["PATH": environment["PATH"] ?? "", "EDGEPACK_UV": ""]
        #expect(try UvTool.find(option: nil, environment: path).path.hasSuffix("/c/uv"))
    }

    @Test func saysHowToGetItWhereItIsNot() {
        let error = #expect(throws: UvError.self) { try UvTool.find(option: nil, environment: ["PATH": "/nowhere"]) }
        #expect(error?.message == "uv is not in PATH")
        #expect(error?.hint?.contains("pip install uv") == true)
        #expect(error?.exitCode == .unavailable)
        let named = #expect(throws: UvError.self) { try UvTool.find(option: "/nowhere/uv", environment: [:]) }
        #expect(named?.message == "/nowhere/uv is no program that can be run")
    }

    @Test func refusesAProgramThatIsNotUv() {
        let uv = UvTool(path: "/bin/true", environment: [:])
        #expect(throws: UvError.notUv(path: "/bin/true")) { try uv.version() }
    }
}
