import Digest
import FileSystem
import Glibc
import RuntimeLaunch
import Testing

@testable import Containment

/// A store with one generation, and a runtime that is a shell script.
final class LaunchFixture {
    /// Removed with the fixture.
    let folder: String
    let bundle = SHA256.digest(Array("bundle".utf8))

    init(runtime: String = "exit 0") throws {
        folder = "/tmp/launch-" + String(UInt64.random(in: .min ... .max), radix: 36)
        try FileSystem.createDirectory(folder, mode: 0o755)
        for name in ["store", "store/generations", "store/generations/\(bundle.hex)", "store/cas", "store/tuf"] {
            try FileSystem.createDirectory(folder + "/" + name, mode: 0o755)
        }
        try FileSystem.write(Array("model".utf8), to: generation + "/model")
        try FileSystem.write(Array("#!/bin/sh\n\(runtime)\n".utf8), to: self.runtime)
        chmod(self.runtime, 0o755)
    }

    deinit { try? FileSystem.removeTree(folder) }

    var store: String { folder + "/store" }
    var runtime: String { folder + "/edgeruntime" }
    var generation: String { "\(store)/generations/\(bundle.hex)" }

    func settings(trustsOwnFoldersOnly: Bool = false) -> LauncherSettings {
        LauncherSettings(
            store: LaunchProfile.realPath(store) ?? store,
            runtime: runtime,
            trustsOwnFoldersOnly: trustsOwnFoldersOnly
        )
    }

    func request(_ kind: LaunchRequest.Kind = .serve) throws -> LaunchRequest {
        try LaunchRequest(kind, endpoint: "digits", slot: .blue, bundle: bundle)
    }
}

@Suite struct LaunchProfileTests {
    @Test func serveIsThisCommandAndNoOther() throws {
        let fixture = try LaunchFixture()
        let program = try LaunchProfile(fixture.settings()).program(for: fixture.request(), channel: 10, log: 11)
        #expect(program.program == fixture.runtime)
        #expect(program.arguments == ["serve", fixture.generation, "--control-fd", "3"])
        #expect(program.descriptors == [1: 11, 2: 11, 3: 10])
        #expect(
            program.environment == [
                "LANG": "C.UTF-8", "ORT_DISABLE_TELEMETRY": "1", "PATH": "/usr/local/bin:/usr/bin:/bin",
            ]
        )
        #expect(program.user == nil)
        let generation = program.places.first { $0.path == fixture.generation }
        #expect(generation?.followsLinks == false)
        // Nothing else of the store.
        #expect(program.places.count { $0.path.hasPrefix(fixture.store) } == 1)
    }

    @Test func checkTakesTheAcceptanceSet() throws {
        let fixture = try LaunchFixture()
        var request = try fixture.request(.check)
        request.acceptance = .init(document: "acceptance/digits/1.json", data: fixture.bundle)
        let profile = LaunchProfile(fixture.settings())
        // Neither is there yet.
        #expect(throws: ContainmentError.self) { try profile.program(for: request, channel: 10, log: 11) }
        let document = fixture.store + "/tuf/targets/acceptance/digits/1.json"
        for folder in ["targets", "targets/acceptance", "targets/acceptance/digits"] {
            try FileSystem.createDirectory(fixture.store + "/tuf/" + folder, mode: 0o755)
        }
        try FileSystem.write([], to: document)
        let data = fixture.store + "/cas/\(fixture.bundle.hex)"
        try FileSystem.write([], to: data)
        let program = try profile.program(for: request, channel: 10, log: 11)
        #expect(
            program.arguments == ["check", fixture.generation, "--acceptance", document, "--data", data, "--record"]
        )
        #expect(program.descriptors == [1: 10, 2: 11])
    }

    @Test func aGenerationThatIsALinkIsRefused() throws {
        let fixture = try LaunchFixture()
        try FileSystem.removeTree(fixture.generation)
        #expect(symlink("/etc", fixture.generation) == 0)
        #expect {
            try LaunchProfile(fixture.settings()).program(for: fixture.request(), channel: 10, log: 11)
        } throws: { error in
            guard case ContainmentError.refused(let reason) = error else { return false }
            return reason.contains("symbolic links")
        }
        // And where a folder above it is one.
        unlink(fixture.generation)
        try FileSystem.removeTree(fixture.store + "/generations")
        #expect(symlink(fixture.folder, fixture.store + "/generations") == 0)
        #expect(throws: ContainmentError.self) {
            try LaunchProfile(fixture.settings()).program(for: fixture.request(), channel: 10, log: 11)
        }
    }

    @Test func anInterpretersFoldersAreThoseOfEveryLink() throws {
        let fixture = try LaunchFixture()
        let base = fixture.folder
        for folder in ["venv", "venv/bin", "python", "python/bin"] {
            try FileSystem.createDirectory("\(base)/\(folder)", mode: 0o755)
        }
        try FileSystem.write([], to: "\(base)/python/bin/python3.11")
        #expect(symlink("\(base)/python/bin/python3.11", "\(base)/venv/bin/python3") == 0)
        #expect(symlink("python3", "\(base)/venv/bin/python") == 0)
        #expect(LaunchProfile.folders(ofInterpreter: "\(base)/venv/bin/python") == ["\(base)/venv", "\(base)/python"])
        #expect(LaunchProfile.folders(ofInterpreter: "/python") == [])
    }

    @Test func aLauncherOfOthersTakesInterpretersFromItsOwnFoldersOnly() throws {
        let fixture = try LaunchFixture()
        var settings = fixture.settings(trustsOwnFoldersOnly: true)
        var request = try fixture.request()
        let python = fixture.folder + "/python"
        try FileSystem.write([], to: python)
        request.python = python
        #expect(throws: ContainmentError.self) {
            try LaunchProfile(settings).program(for: request, channel: 10, log: 11)
        }
        // A link from a trusted folder to one that is not does not help.
        settings.readable = [fixture.generation]
        #expect(symlink(python, fixture.generation + "/python") == 0)
        request.python = fixture.generation + "/python"
        #expect(throws: ContainmentError.self) {
            try LaunchProfile(settings).program(for: request, channel: 10, log: 11)
        }
        settings.readable = [LaunchProfile.realPath(fixture.folder) ?? ""]
        #expect(try LaunchProfile(settings).program(for: request, channel: 10, log: 11).arguments.contains("--python"))
    }

    @Test func whatLiesInAnotherPlaceIsBoundOnce() {
        let program = ContainedProgram(
            program: "/bin/true",
            arguments: [],
            descriptors: [:],
            places: [
                .init("/usr"), .init("/usr/lib/x"), .init("/usrlocal"), .init("/a/b"), .init("/a/b"), .init("/a/b/c/d"),
            ]
        )
        #expect(program.outermostPlaces.map(\.path) == ["/usr", "/usrlocal", "/a/b"])
    }
}

@Suite struct ScratchFolderTests {
    @Test func itIsEmptyAtEveryStart() throws {
        let fixture = try LaunchFixture()
        let path = try #require(ScratchFolder.make(store: fixture.store, name: "scratch.a", user: nil))
        try FileSystem.createDirectory(path + "/deep", mode: 0o755)
        try FileSystem.write([], to: path + "/deep/file")
        #expect(symlink("/etc", path + "/link") == 0)
        #expect(ScratchFolder.make(store: fixture.store, name: "scratch.a", user: nil) == path)
        #expect(access(path + "/deep", F_OK) != 0)
        #expect(access("/etc/passwd", F_OK) == 0)
    }

    @Test func aLinkInItsPlaceIsNotFollowed() throws {
        let fixture = try LaunchFixture()
        try FileSystem.createDirectory(fixture.store + "/run", mode: 0o755)
        #expect(symlink(fixture.generation, fixture.store + "/run/scratch.a") == 0)
        #expect(ScratchFolder.make(store: fixture.store, name: "scratch.a", user: nil) == nil)
        #expect(access(fixture.generation + "/model", F_OK) == 0)
    }

    @Test func foldersWithoutEndAreNotDescended() throws {
        let fixture = try LaunchFixture()
        let path = try #require(ScratchFolder.make(store: fixture.store, name: "scratch.a", user: nil))
        var deep = path
        for _ in 0..<80 {
            deep += "/d"
            try FileSystem.createDirectory(deep, mode: 0o755)
        }
        #expect(ScratchFolder.make(store: fixture.store, name: "scratch.a", user: nil) == nil)
    }
}
