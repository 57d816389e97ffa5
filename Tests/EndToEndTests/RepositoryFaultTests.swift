import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// A repository that is gone, half there, forged or frozen: the box says what is wrong, takes nothing, serves on, and
/// goes on by itself once the repository is well again.
@Suite(.programs, .oneByOne, .serialized) struct RepositoryFaultTests {
    private let repository: UpdateRepository

    init() throws { repository = try SmallBundles.shared.get().repository() }

    /// A box that serves the first version, looks at the repository when it is told to only, and for which there is
    /// news in every role.
    private func servingBox(_ place: String? = nil) throws -> AgentBox {
        try repository.deploy(.good)
        let box = try AgentBox(place ?? repository.path, root: repository.root, poll: "1h")
        try box.start()
        try box.waitUntilServing(1)
        try repository.publish(try #require(SmallBundles.shared.get().files[2]))
        try repository.revoke("controllable@3", action: "refuse")
        try repository.deploy(.better)
        return box
    }

    /// Looks at the repository, which must not help: a named wait, a sentence with the words, the old version serving.
    private func expectProblem(_ box: AgentBox, _ waiting: String, _ words: [String], _ what: Comment) throws {
        let result = try box.command("sync")
        #expect(!result.isSuccess, what)
        let status = try box.status()
        let problem = try #require(AgentBox.problem(in: status), what)
        #expect(problem.waitingFor == waiting, what)
        let why = try box.why()
        for word in words {
            #expect(problem.sentence.contains(word), "\(what): \(problem.sentence)")
            #expect(result.errorText.contains(word), "\(what): \(result.errorText)")
            #expect(why.contains(word), "\(what): \(why)")
        }
        let endpoint = EndpointView(value: status["endpoints"]?[0] ?? .null)
        #expect(endpoint.result == "waitingFor(\(waiting))", what)
        #expect(endpoint.version == "1" && endpoint.isServingCurrent, what)
        #expect(try box.scores(), what)
    }

    private func expectRecovery(_ box: AgentBox) throws {
        try box.succeed("sync")
        #expect(try box.problem() == nil)
        try box.waitUntilServing(2)
        #expect(try box.endpoint().result == "successful")
        #expect(try box.scores())
        try box.stop()
    }

    // MARK: Gone and half there

    @Test func aRepositoryThatIsGoneIsWaitedFor() throws {
        let box = try servingBox()
        let whole = try repository.kept(as: "whole")
        try FileSystem.removeTree(repository.path)
        try expectProblem(box, "network", ["timestamp.json"], "gone")
        // An agent that starts meanwhile serves what is there, and says the same.
        try box.stop()
        try box.start()
        try box.wait(for: "the runtime") { $0.isServingCurrent }
        try expectProblem(box, "network", ["timestamp.json"], "gone, and the agent is another one")
        try repository.restore(whole)
        try expectRecovery(box)
    }

    @Test func aServerThatIsDownIsWaitedFor() throws {
        let port = try AgentBox.freePort()
        var server = try serve(repository.path, port)
        let box = try servingBox("http://127.0.0.1:\(port)")
        _ = try server.killAndWait()
        try expectProblem(box, "network", ["127.0.0.1:\(port)"], "down")
        server = try serve(repository.path, port)
        defer { _ = try? server.killAndWait() }
        try expectRecovery(box)
    }

    private func serve(_ folder: String, _ port: UInt16) throws -> ChildProcess {
        let server = try ChildProcess(
            ProcessSpecification(
                program: Programs.python,
                arguments: ["-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory", folder],
                environment: Programs.environment,
                descriptors: [:],
                group: .new,
                parentDeathSignal: SIGKILL
            )
        )
        let clock = ContinuousClock()
        let end = clock.now + .seconds(20)
        while (try? HTTPConnection(port: port)) == nil {
            guard clock.now < end else { throw Unexpected(what: "the web server does not answer") }
            usleep(20_000)
        }
        return server
    }

    @Test func aRepositoryThatIsHalfUploadedIsWaitedFor() throws {
        let box = try servingBox()
        let whole = try repository.kept(as: "whole")
        for role in ["snapshot", "targets", "bundles", "deployments-prod", "rollouts-prod"] {
            let file = try repository.metadata(of: role)
            try FileSystem.removeFile(file)
            try expectProblem(box, "network", [FileSystem.name(of: file)], "without \(role)")
            try repository.restore(whole)
            try cutInHalf(file)
            try expectProblem(box, "network", [role, "signed metadata says"], "with half of \(role)")
            try repository.restore(whole)
        }
        try cutInHalf(try repository.metadata(of: "timestamp"))
        try expectProblem(box, "network", ["timestamp metadata can't be used"], "with half of the timestamp")
        try repository.restore(whole)
        for folder in ["deployments/prod/digits", "rollouts/prod", "bundles/controllable/2"] {
            let names = try FileSystem.names(in: "\(repository.path)/targets/\(folder)")
            let wanted = folder.hasPrefix("deployments") ? ".2.json" : ".json"
            // Every version of it: the newest is one of them.
            for name in names where name.hasSuffix(wanted) {
                try FileSystem.removeFile("\(repository.path)/targets/\(folder)/\(name)")
            }
            try expectProblem(box, "network", [folder], "without \(folder)")
            try repository.restore(whole)
        }
        try expectRecovery(box)
    }

    private func cutInHalf(_ path: String) throws {
        let bytes = try FileSystem.read(path, limit: 1 << 30)
        try FileSystem.write(Array(bytes[..<(bytes.count / 2)]), to: path)
    }

    private enum Harm: String, CaseIterable {
        case gone, cut, rotten
    }

    /// The archive of a bundle whose metadata is all right.
    @Test func anArchiveThatIsNotWholeIsWaitedFor() throws {
        let box = try servingBox()
        let whole = try repository.kept(as: "whole")
        let file = try #require(SmallBundles.shared.get().files[2])
        let digest = try Programs.succeed("/usr/bin/sha256sum", [file]).prefix(64)
        let blob = "\(repository.path)/blobs/\(digest)"
        for harm in Harm.allCases {
            switch harm {
            case .gone: try FileSystem.removeFile(blob)
            case .cut: try cutInHalf(blob)
            case .rotten: try rot(blob)
            }
            _ = try box.command(harm == .gone ? "sync" : "retry")
            let endpoint = try box.wait(for: "the wait, \(harm)") { $0.waiting == "network" }
            #expect(endpoint.state == "Download", "\(harm)")
            #expect(endpoint.result == "waitingFor(network)", "\(harm)")
            #expect(!endpoint.trouble.isEmpty, "\(harm)")
            let why = try box.why()
            #expect(why.contains(endpoint.trouble), "\(why)")
            #expect(endpoint.version == "1" && endpoint.isServingCurrent)
            #expect(try box.scores())
            try repository.restore(whole)
        }
        try box.succeed("retry")
        try box.waitUntilServing(2)
        try box.stop()
    }

    /// Other bytes in the place of those in the middle; the ends of the archive say where these are.
    private func rot(_ path: String) throws {
        var bytes = try FileSystem.read(path, limit: 1 << 30)
        for position in bytes.count / 4..<bytes.count / 2 { bytes[position] ^= 0x55 }
        try FileSystem.write(bytes, to: path)
    }

    // MARK: Forged and frozen

    private static let roles = [
        "root", "targets", "bundles", "deployments-prod", "rollouts-prod", "snapshot", "timestamp",
    ]

    @Test func metadataThatIsNotSignedAsItMustBeIsNotTaken() throws {
        let box = try servingBox()
        let whole = try repository.kept(as: "whole")
        for role in Self.roles {
            // By nobody, of other bytes, and by the key of another role.
            let forgeries = ["missing", "wrong", role == "bundles" ? "models" : "bundles"]
            for how in forgeries where how != "missing" || role == "timestamp" || role == "deployments-prod" {
                try repository.forge(role, "--signature", how)
                try expectProblem(box, "network", [role, "signed by 0 of the 1 keys"], "\(role), signature \(how)")
                try repository.restore(whole)
            }
        }
        try expectRecovery(box)
    }

    @Test func aForgedStickIsRefused() throws {
        let box = try servingBox()
        try repository.forge("deployments-prod", "--signature", "bundles")
        let result = try box.command("install", repository.path)
        #expect(!result.isSuccess)
        #expect(result.errorText.contains("deployments-prod version"), "\(result.errorText)")
        #expect(try box.endpoint().version == "1")
        #expect(try box.scores())
        try box.stop()
    }

    @Test func metadataThatHasExpiredWaitsForNewer() throws {
        let box = try servingBox()
        let whole = try repository.kept(as: "whole")
        for role in ["timestamp", "snapshot", "targets", "deployments-prod"] {
            try repository.forge(role, "--expires", "2026-01-02T00:00:00Z")
            try expectProblem(box, "freshness", [role, "expired at 2026-01-02"], "\(role) expired")
            try repository.restore(whole)
        }
        try expectRecovery(box)
    }

    @Test func anOlderTimestampIsNotTaken() throws {
        let box = try servingBox()
        let whole = try repository.kept(as: "whole")
        let first = try FileSystem.read(try SmallBundles.shared.get().firstTimestamp, limit: 1 << 20)
        try FileSystem.write(first, to: try repository.metadata(of: "timestamp"))
        try expectProblem(box, "network", ["timestamp version", "rollback"], "rolled back")
        try repository.restore(whole)
        try expectRecovery(box)
    }

    // MARK: Not for this box

    private func expectIncompatible(_ box: AgentBox, _ subject: String, _ feature: String) throws {
        let endpoint = try box.wait(for: "the refusal of \(feature)") {
            $0.result?.hasPrefix("incompatible(\(subject): ") == true && $0.result?.contains(feature) == true
        }
        #expect(try box.why().contains(feature))
        #expect(endpoint.version == "1" && endpoint.isServingCurrent)
        #expect(try box.scores())
    }

    @Test func whatThisBoxCannotDoIsNamed() throws {
        try repository.deploy(.good)
        let box = try AgentBox(repository.path, root: repository.root)
        try box.start()
        try box.waitUntilServing(1)
        // A bundle for another machine.
        try repository.deploy(.foreign)
        try expectIncompatible(box, "bundle", Architecture.other.rawValue)
        // A deployment with a feature that this agent lacks, as another tool may have written it.
        let folder = "\(repository.path)/targets/deployments/prod/digits"
        let newest = try #require(try FileSystem.names(in: folder).first { $0.hasSuffix(".2.json") })
        let text = String(decoding: try FileSystem.read("\(folder)/\(newest)", limit: 1 << 20), as: UTF8.self)
        var object = try #require(try JSONValue.parse(text.utf8, limits: .document).objectValue)
        object["serial"] = 3
        object["requires"] = ["window"]
        object["windows"] = [["days": ["sun"], "from": "02:00", "to": "04:00", "zone": "utc"]]
        let file = repository.scratch("3.json")
        try FileSystem.write(try JSONValue.object(object).canonicalBytes(), to: file)
        try repository.forge("deployments-prod", "--target", "deployments/prod/digits/3.json", file)
        try expectIncompatible(box, "deployment", "window")
        // To take an endpoint away is one, too.
        try Programs.pack(
            "deploy",
            "--absent",
            "--endpoint",
            UpdateRepository.endpoint,
            "--channel",
            UpdateRepository.channel,
            "--to",
            repository.path,
            "--keys",
            repository.keys,
            "--reason",
            "a test"
        )
        try expectIncompatible(box, "deployment", "absent")
        // The next deployment that it can do is followed.
        try repository.publish(try #require(SmallBundles.shared.get().files[2]))
        try repository.deploy(.better)
        try box.waitUntilServing(2)
        try box.stop()
    }
}
