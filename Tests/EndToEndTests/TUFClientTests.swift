import FileSystem
import JSON
import Processes
import Testing

/// `tufclient` against repositories that each have one defect, made by a script that shares no code with it, and against
/// servers that misbehave.
@Suite(.programs, .oneByOne, .serialized) struct TUFClientTests {
    private let scratch: Scratch
    private let repositories: HostileRepositories

    init() throws {
        scratch = try Scratch()
        repositories = try HostileRepositories.shared.get()
    }

    @Test(arguments: HostileFixture.all)
    func refuses(_ fixture: HostileFixture) throws {
        let metadata = try repositories.trustedMetadata(in: scratch)
        let before = try contents(of: metadata)
        let targets = try scratch.folder("targets")
        let result = try repositories.update(from: fixture.name, metadata: metadata, targets: targets)
        #expect(result.status == .exited(1), "\(result.errorText)")
        #expect(result.standardOutput.isEmpty)
        for words in fixture.says { #expect(result.errorText.contains(words), "\(result.errorText)") }
        #expect(try Scratch.listing(targets) == [], "something is left of the download")

        let stage = try repositories.read("\(fixture.name)/fixture.json")["stage"]?.stringValue ?? ""
        let after = try contents(of: metadata)
        #expect(
            Set(before.keys).subtracting(after.keys) == (isRotated(fixture) ? ["snapshot.json", "timestamp.json"] : [])
        )
        for (file, bytes) in after where before[file] != bytes {
            #expect(HostileRepositories.mayTrust(file, before: stage), "\(file) was replaced")
            let served = try FileSystem.names(in: "\(repositories.folder)/\(fixture.name)/metadata").contains { name in
                let path = "\(repositories.folder)/\(fixture.name)/metadata/\(name)"
                return try FileSystem.read(path, limit: 1 << 24) == bytes
            }
            #expect(served, "\(file) is not as it was served")
        }

        // Nothing that it has now stands in the way of the repository as it should be; roles that it has come to know and
        // that there should not be are forgotten with the keys that listed them.
        let isWider = !Set(after.keys).isSubset(of: before.keys)
        let recovered = isWider ? "recovered-by-new-keys" : "recovered"
        let next = try repositories.update(from: recovered, metadata: metadata, targets: targets)
        #expect(next.isSuccess, "\(next.errorText)")
    }

    /// A root that takes the timestamp's key away has the client forget what that key said (5.3.11).
    private func isRotated(_ fixture: HostileFixture) -> Bool { fixture.name == "timestamp-by-a-key-that-was-replaced" }

    @Test func acceptsTheRepositoryWithoutADefect() throws {
        let metadata = try repositories.trustedMetadata(in: scratch)
        let before = try contents(of: metadata)
        let targets = try scratch.folder("targets")
        let result = try repositories.update(from: "control", metadata: metadata, targets: targets)
        #expect(result.isSuccess, "\(result.errorText)")
        #expect(try Scratch.listing(targets) == ["team%2Ffile.txt 32"])
        let after = try contents(of: metadata)
        for role in ["root", "timestamp", "snapshot", "targets", "team"] {
            #expect(after["\(role).json"] != before["\(role).json"])
        }
    }

    /// What is unusual and allowed is taken.
    @Test(arguments: PeculiarFixture.all)
    func accepts(_ fixture: PeculiarFixture) throws {
        let metadata = try repositories.trustedMetadata(in: scratch)
        let targets = try scratch.folder("targets")
        let result = try repositories.update(from: fixture.name, metadata: metadata, targets: targets)
        #expect(result.isSuccess, "\(result.errorText)")
        #expect(try Scratch.listing(targets).count == 1)
    }

    @Test func theTablesHaveEveryRepositoryThatIsWritten() {
        #expect(HostileFixture.all.map(\.name) == repositories.defects)
        #expect(PeculiarFixture.all.map(\.name) == repositories.peculiarities)
        #expect(HostileFixture.all.count >= 60)
    }

    /// python-tuf's client judges as ours does, but for those of the tables that say why it doesn't.
    @Test func pythonTUFJudgesAlike() throws {
        let result = try Judge.run("hostile_updates.py", repositories.folder, repositories.port)
        try #require(result.isSuccess, "\(result.errorText)")
        let verdicts = try JSONValue.parse(result.standardOutput, limits: .document)
        #expect(verdicts["control"] == "accepted")
        for fixture in HostileFixture.all {
            let verdict = verdicts[fixture.name]?.stringValue
            switch fixture.pythonTUF {
            case .refuses: #expect(verdict != nil && verdict != "accepted", "\(fixture.name)")
            case .accepts: #expect(verdict == "accepted", "\(fixture.name)")
            case .notAsked: #expect(verdict == nil, "\(fixture.name)")
            }
        }
        for fixture in PeculiarFixture.all {
            let isAccepted = verdicts[fixture.name] == "accepted"
            #expect(isAccepted == (fixture.refusedByPythonTUF == nil), "\(fixture.name)")
        }
    }

    /// The files of a client's folder by path, without its history of roots.
    private func contents(of folder: String) throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for name in try FileSystem.names(in: folder) where name.hasSuffix(".json") {
            contents[name] = try FileSystem.read("\(folder)/\(name)", limit: 1 << 24)
        }
        return contents
    }
}
