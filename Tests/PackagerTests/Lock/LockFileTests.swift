import BundleManifest
import Diagnostics
import Testing

@testable import Packager

@Suite struct LockFileTests {
    private static let hash = String(repeating: "ab", count: 32)
    private static let body = """
        numpy==2.4.6 \\
            --hash=sha256:\(hash) \\
            --hash=sha256:\(hash)
        zope-interface==8.0+local.1 \\
            --hash=sha256:\(hash)

        """

    static func request(
        requirements: [String] = ["numpy"],
        constraints: [String] = [],
        architecture: Platform.Architecture = .amd64,
        python: String = "3.11",
        glibc: Int = 34
    ) -> LockRequest {
        LockRequest(
            platform: LockPlatform(
                architecture: architecture,
                python: PythonVersion(python),
                glibc: GlibcVersion(2, glibc)
            ),
            wanted: .requirements(Requirements(lines: requirements, constraints: constraints))
        )
    }

    private func check(_ text: String?, _ request: LockRequest) throws(LockError) -> LockFile {
        try LockFile.check(text.map { Array($0.utf8) }, against: request, path: "locks/x.txt", project: "examples/x")
    }

    @Test func readsBackWhatItWrites() throws {
        let lock = try LockFile(request: Self.request(), body: Self.body, path: "locks/x.txt")
        #expect(lock.text.hasPrefix("# edgepack lock 1\n# platform: linux-x86_64-cp311\n# inputs: sha256:"))
        #expect(lock.packages.map(\.name) == ["numpy", "zope-interface"])
        #expect(lock.packages.map(\.version) == ["2.4.6", "8.0+local.1"])
        #expect(try check(lock.text, Self.request()) == lock)
    }

    @Test func saysThatLinesEndAsOnWindows() throws {
        let lock = try LockFile(request: Self.request(), body: Self.body, path: "l")
        let error = #expect(throws: LockError.self) {
            try check(lock.text.replacing("\n", with: "\r\n"), Self.request())
        }
        #expect(error == .malformed(path: "locks/x.txt", line: 1, reason: "its lines end as on Windows"))
    }

    @Test func acceptsAnEnvironmentOfNothing() throws {
        #expect(try LockFile(request: Self.request(), body: "", path: "l").packages == [])
    }

    @Test func saysThatThereIsNoLock() {
        let error = #expect(throws: LockError.self) { try check(nil, Self.request()) }
        #expect(error?.message == "the environment for linux-x86_64-cp311 is not locked: no locks/x.txt")
        #expect(error?.hint == "run `edgepack lock examples/x`")
        #expect(error?.exitCode == .unlocked)
    }

    @Test(arguments: [
        request(requirements: ["numpy", "scipy"]), request(requirements: ["numpy<3"]), request(constraints: ["x<1"]),
        request(glibc: 31), request(requirements: [], constraints: ["numpy"]),
    ])
    func isStaleWhenAnythingThatWentIntoItChanged(_ changed: LockRequest) throws {
        let lock = try LockFile(request: Self.request(), body: Self.body, path: "l")
        let error = #expect(throws: LockError.self) { try check(lock.text, changed) }
        #expect(error == .stale(path: "locks/x.txt", project: "examples/x"))
        #expect(error?.hint == "run `edgepack lock examples/x`")
        #expect(error?.exitCode == .unlocked)
    }

    @Test func isStaleWhenTheVersionOfONNXRuntimeChanged() throws {
        func request(_ version: String) -> LockRequest {
            let platform = LockPlatform(architecture: .arm64, python: nil, glibc: GlibcVersion(2, 34))
            return LockRequest(platform: platform, wanted: .onnxRuntime(version: version))
        }
        #expect(request("1.31.1").path == "locks/linux-aarch64-nopy.txt")
        let lock = try LockFile(request: request("1.31.1"), body: Self.body, path: "l")
        #expect(throws: Never.self) { try check(lock.text, request("1.31.1")) }
        #expect(throws: LockError.self) { try check(lock.text, request("1.31.0")) }
    }

    @Test func isOnlyForItsPlatform() throws {
        let lock = try LockFile(request: Self.request(), body: Self.body, path: "l")
        let error = #expect(throws: LockError.self) { try check(lock.text, Self.request(python: "3.12")) }
        #expect(error?.message == "locks/x.txt is for linux-x86_64-cp311, not for linux-x86_64-cp312")
    }

    @Test(arguments: [
        ("", 1, "expected \"# edgepack lock …\""),
        ("# edgepack lock 2\n", 1, "the format is not 1, the one that is known"),
        ("# edgepack lock 1\nnumpy\n", 2, "expected \"# platform: …\""),
        ("# edgepack lock 1\n# platform: p\n# inputs: sha256:xyz\n", 3, "the digest is no SHA-256 in hexadecimal"),
    ])
    func refusesAHeader(text: String, line: Int, reason: String) {
        let error = #expect(throws: LockError.self) { try LockFile(parsing: text, path: "l") }
        #expect(error == .malformed(path: "l", line: line, reason: reason))
    }

    @Test(arguments: [
        (
            "--index-url https://example.org/simple\n", 4,
            "expected NAME==VERSION, found '--index-url https://example.org/simple'"
        ),
        ("numpy @ https://example.org/n.whl\n", 4, "expected NAME==VERSION, found 'numpy @ https://example.org/n.whl'"),
        ("numpy>=2\n", 4, "expected NAME==VERSION, found 'numpy>=2'"),
        ("numpy==2\nscipy==1\n", 5, "the package before has no hash"),
        ("numpy==2\n", 4, "the last package has no hash"),
        ("    --hash=sha256:\(hash)\n", 4, "expected --hash=sha256:… after a package"),
        ("numpy==2 \\\n    --hash=md5:00\n", 5, "expected --hash=sha256:… after a package"),
        ("numpy==2 \\\n    --hash=sha256:ab\n", 5, "expected --hash=sha256:… after a package"),
    ])
    func refusesABody(body: String, line: Int, reason: String) throws {
        let header = "# edgepack lock 1\n# platform: p\n# inputs: sha256:\(Self.hash)\n"
        let error = #expect(throws: LockError.self) { try LockFile(parsing: header + body, path: "l") }
        #expect(error == .malformed(path: "l", line: line, reason: reason))
        #expect(error?.exitCode == .unlocked)
    }
}
