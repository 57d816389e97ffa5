import BundleManifest
import Crypto
import Deployment
import Digest
import FileSystem
import Testing

@testable import Registry
@testable import UpdateFramework

/// Roles that a repository has besides its own: what they list is found as a box finds it, and what is published goes to
/// the role that a box asks first.
@Suite struct TeamRoleTests {
    /// Delegates to a role with a key of its own, which is put into the sample's folder.
    @discardableResult
    static func delegate(
        _ name: String,
        _ paths: String...,
        in sample: SampleRegistry,
        before other: RegistryRole? = nil,
        from delegator: RegistryRole = .targets,
        isTerminating: Bool = false
    ) throws -> RegistryRole {
        let role = try #require(RegistryRole(name))
        let key = try PrivateKey.generate()
        _ = try KeyFile.write(key, to: sample.keys.path(of: role))
        let metadataKey = try MetadataKey(try key.publicKey)
        let patterns = paths.map { PathPattern($0) }
        let delegated = try #require(DelegatedRole(role.name, paths: patterns, isTerminating: isTerminating))
        _ = try sample.registry.change(delegator, keys: sample.keys) { _ in
            Registry.Change(result: ()) { targets in
                var delegations = targets.delegations ?? Delegations()
                delegations.place(delegated, keys: [metadataKey], before: other?.name)
                targets.delegations = delegations
            }
        }
        _ = try sample.registry.refresh(role, keys: sample.keys)
        return role
    }

    private static func lose(_ role: RegistryRole, _ sample: SampleRegistry) throws {
        try FileSystem.rename(sample.keys.path(of: role), to: "\(sample.keys.path(of: role)).away")
    }

    @Test(arguments: ["team-a", "deployments-prod-vision", "a.b_c-1", "3d", String(repeating: "a", count: 64)])
    func aRoleMayHaveAnyPlainName(text: String) throws {
        let role = try #require(RegistryRole(text))
        #expect(role == .other(RoleName(known: text)))
        #expect(role.text == text && !role.isTopLevel && role.paths.isEmpty)
    }

    @Test(arguments: [
        "", "-a", "a-", ".a", "Team", "team a", "../x", "bündel", "bundles.next", "bundles.retired-1",
        String(repeating: "a", count: 65),
    ])
    func aNameThatCouldBeMistakenIsNone(text: String) { #expect(RegistryRole(text) == nil) }

    @Test func theNamesOfEveryRepositoryMeanItsOwnRoles() {
        for role in RegistryRole.all { #expect(RegistryRole(role.text) == role) }
    }

    // MARK: publishing

    @Test func aBundleGoesToTheFirstRoleThatABoxAsks() throws {
        let sample = try SampleRegistry()
        let team = try Self.delegate("bundles-sorting", "bundles/sample/*/*", in: sample, before: .models)
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        #expect(sample.registry.editor.roles[team.name]?.targets.keys.first == bundle.location.path)
        var box = try sample.box()
        #expect(try box.find(try #require(TargetPath(bundle.location.path)))?.role == team.name)
        #expect(sample.registry.bundles == [bundle])
        #expect(try RepositoryCheck(of: sample.folder, now: SampleRegistry.now).problems == [])
    }

    @Test func withoutTheTeamsKeyItGoesToTheNextRole() throws {
        let sample = try SampleRegistry()
        let team = try Self.delegate("bundles-sorting", "bundles/sample/*/*", in: sample, before: .models)
        try Self.lose(team, sample)
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        var box = try sample.box()
        #expect(try box.find(try #require(TargetPath(bundle.location.path)))?.role.text == "bundles")
    }

    @Test func theRoleCanBeChosen() throws {
        let sample = try SampleRegistry()
        try Self.delegate("bundles-sorting", "bundles/sample/*/*", in: sample, before: .models)
        let note = Registry.PublishingNote(publisher: "test")
        let path = try sample.bundle("1")
        let chosen = try sample.registry.publish(path, note: note, as: .bundles, keys: sample.keys, threads: 1).result
        #expect(
            sample.registry.editor.roles[RegistryRole.bundles.name]?.targets.keys.first == chosen.bundle.location.path
        )
        let other = try #require(RegistryRole("bundles-sortin"))
        let roles = ["bundles-sorting"] + RegistryRole.delegated.map(\.text)
        #expect(throws: RegistryError.unknownRole("bundles-sortin", known: roles)) {
            try sample.registry.publish(path, note: note, as: other, keys: sample.keys, threads: 1)
        }
        let able = ["bundles-sorting", "bundles"]
        let error = RegistryError.notTrusted(role: "models", path: chosen.bundle.location.path, able: able)
        #expect(throws: error) {
            try sample.registry.publish(path, note: note, as: .models, keys: sample.keys, threads: 1)
        }
    }

    /// What a role lists that is asked later counts for nothing: better that its publisher hears it.
    @Test func whatAnEarlierRoleListsCantBeChangedByALaterOne() throws {
        let sample = try SampleRegistry()
        try sample.publishAndCommit(try sample.bundle("1"))
        let team = try Self.delegate("sorting", "rollouts/prod/sorter.json", in: sample, before: .models)
        _ = try sample.deploy(SampleRegistry.request("sample@1"))
        let first = try sample.roll(.running)
        #expect(sample.registry.editor.roles[team.name]?.targets.keys.first == first.location.path)
        try Self.lose(team, sample)
        #expect(
            throws: RegistryError.hidden(path: first.location.path, role: "rollouts-prod", by: "sorting")
        ) { try sample.roll(.paused) }
    }

    @Test func behindATerminatingRoleNobodyIsAsked() throws {
        let sample = try SampleRegistry()
        let team = try Self.delegate(
            "sorting",
            "bundles/sample/*/*",
            in: sample,
            before: .models,
            isTerminating: true
        )
        try Self.lose(team, sample)
        let path = try sample.bundle("1")
        let key = sample.keys.path(of: team)
        #expect(throws: RegistryError.keyMissing(role: "sorting", path: key)) { try sample.publish(path) }
        let location = "bundles/sample/1/linux-x86_64-glibc2.28-cp311.json"
        #expect(throws: RegistryError.notTrusted(role: "bundles", path: location, able: ["sorting"])) {
            let note = Registry.PublishingNote(publisher: "test")
            _ = try sample.registry.publish(path, note: note, as: .bundles, keys: sample.keys, threads: 1)
        }
    }

    /// `bundles` delegates to a team: what the team publishes is found, within what `bundles` itself is trusted with.
    @Test func aDelegatedRoleCanDelegate() throws {
        let sample = try SampleRegistry()
        let team = try Self.delegate("sorting", "bundles/sample/*/*", "models/*/*", in: sample, from: .bundles)
        try Self.lose(.bundles, sample)
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        var box = try sample.box()
        #expect(try box.find(try #require(TargetPath(bundle.location.path)))?.role == team.name)
        #expect(sample.registry.delegatedRoles.map(\.name.text).prefix(3) == ["models", "bundles", "sorting"])
        #expect(
            sample.registry.lookup.roles(covering: try #require(TargetPath("models/a/b"))).map(\.text) == ["models"]
        )
    }

    // MARK: two teams

    @Test func serialsCountUpAcrossRoles() throws {
        let sample = try SampleRegistry()
        try sample.publishAndCommit(try sample.bundle("1"))
        #expect(try sample.deploy(SampleRegistry.request("sample@1")).document.location.serial == 1)
        let team = try Self.delegate("sorting", "deployments/prod/sorter/*", in: sample, before: .models)
        let second = try sample.deploy(SampleRegistry.request("sample@1"))
        #expect(second.document.location.serial == 2)
        #expect(sample.registry.editor.roles[team.name]?.targets.keys.first == second.document.location.path)
        #expect(
            try sample.registry.deployments(of: SampleRegistry.endpoint(), in: .prod).map(\.document.location.serial)
                == [1, 2]
        )
        #expect(try sample.roll(.running).serial == 2)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try sample.paths(below: "deployments/prod/sorter").count == 2)
        #expect(try RepositoryCheck(of: sample.folder, now: SampleRegistry.now).problems == [])
    }

    /// A role's content that was hidden from boxes doesn't steer its publishers either.
    @Test func whatIsHiddenFromBoxesIsHiddenHere() throws {
        let sample = try SampleRegistry()
        let first = try sample.publishAndCommit(try sample.bundle("1"))
        try Self.delegate("sorting", "bundles/sample/*/*", in: sample, before: .models, isTerminating: true)
        #expect(sample.registry.bundles == [])
        #expect(sample.registry.lookup.find(first.location.path) == nil)
        #expect(sample.registry.lookup.listed(below: "bundles").map(\.text) == [first.location.path])
        #expect(throws: RegistryError.notPublished(what: "sample@1", known: [])) {
            try sample.deploy(SampleRegistry.request("sample@1"))
        }
    }

    @Test func aTeamsMissingBlobIsNamed() throws {
        let sample = try SampleRegistry()
        try Self.delegate("sorting", "bundles/sample/*/*", in: sample, before: .models)
        let bundle = try sample.publish(try sample.bundle("1")).bundle
        try FileSystem.removeFile("\(sample.folder)/\(bundle.record.archive.path)")
        let lost = "\(bundle.record.archive.path) is missing, and \(bundle.location.path) names it"
        #expect(try sample.registry.missingBlobs() == [lost])
    }

    /// One role that can't be verified takes what is asked of it along, and nothing else.
    @Test func besideADamagedRoleTheRestIsChecked() throws {
        let sample = try SampleRegistry()
        let team = try Self.delegate("sorting", "bundles/other/*/*", in: sample, before: .models)
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        try FileSystem.removeFile("\(sample.folder)/\(bundle.record.archive.path)")
        let version = try #require(sample.registry.editor.roles[team.name]?.version)
        try FileSystem.write([1], to: "\(sample.folder)/metadata/\(version).sorting.json")
        let problems = try RepositoryCheck(of: sample.folder, now: SampleRegistry.now).problems
        #expect(problems.map(\.path) == ["metadata", bundle.location.path])
    }
}
