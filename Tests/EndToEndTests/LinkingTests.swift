import FileSystem
import Glibc
import Testing

/// What is loaded into the processes that stay, or have every right: design and threat model rely on how little it is.
@Suite(.programs) struct LinkingTests {
    /// The C library, the C++ runtime under Swift's, and SHA-256.
    private static let small: Set = ["libc", "libgcc_s", "libm", "libnettle", "libstdc++"]

    /// Every shared library that the loader brings in, whoever asked for it, without versions.
    private func libraries(of program: String) throws -> Set<String> {
        let text = try Programs.succeed("/usr/bin/ldd", [program])
        var found: Set<String> = []
        for line in text.split(separator: "\n") {
            guard let file = line.split(whereSeparator: \.isWhitespace).first?.split(separator: "/").last else {
                continue
            }
            #expect(!line.contains("not found"), "\(line)")
            guard let end = String(file).firstRange(of: ".so")?.lowerBound else { continue }
            let name = String(String(file)[..<end])
            // The kernel's page and the loader itself belong to every program.
            if !name.hasPrefix("linux-vdso"), !name.hasPrefix("linux-gate"), !name.hasPrefix("ld-linux") {
                found.insert(name)
            }
        }
        return found
    }

    @Test(arguments: ["edgeagent", "edgelaunch"])
    func theResidentAndTheLauncherLoadNeitherNetworkNorKeys(_ name: String) throws {
        let program = name == "edgeagent" ? Programs.edgeagent : Programs.edgelaunch
        #expect(try libraries(of: program) == Self.small)
    }

    /// So that the test above can be believed: these libraries would be seen.
    @Test func otherProgramsLoadWhatTheResidentDoesNot() throws {
        #expect(try libraries(of: Programs.edgeagentSync).isSuperset(of: ["libcurl", "libcrypto"]))
        #expect(try libraries(of: Programs.edgepack).contains("libcrypto"))
        #expect(try libraries(of: Programs.edgeruntime).contains("libmicrohttpd"))
    }

    /// Swift's own libraries are linked into the programs, so a list of libraries does not show Foundation.
    ///
    /// The names of its parts are in whatever contains it: in type names that survive stripping.
    @Test(arguments: ["edgeagent", "edgeagent-sync", "edgelaunch", "edgeruntime", "edgepack"])
    func noProgramContainsFoundation(_ name: String) throws {
        let program = Programs.edgeagent.dropLast("edgeagent".count) + name
        let bytes = try FileSystem.read(String(program), limit: 256 << 20)
        for part in ["FoundationEssentials", "CoreFoundation"] {
            let isThere = bytes.withUnsafeBytes { contains($0, Array(part.utf8)) }
            #expect(!isThere, "\(name) contains \(part)")
        }
    }

    /// From one byte to the next that could begin it: a program has some ten million.
    private func contains(_ bytes: UnsafeRawBufferPointer, _ wanted: [UInt8]) -> Bool {
        guard let base = bytes.baseAddress, let first = wanted.first else { return false }
        let end = base + bytes.count
        var from = base
        while let found = memchr(from, Int32(first), end - from).map({ UnsafeRawPointer($0) }) {
            if end - found >= wanted.count, memcmp(found, wanted, wanted.count) == 0 { return true }
            from = found + 1
        }
        return false
    }
}
