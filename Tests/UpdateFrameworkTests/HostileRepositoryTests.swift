import JSON
import Testing
import WallClock

@testable import UpdateFramework

/// Every defect is refused with the rule's name, nothing of the refused document is kept, and the client goes on when the
/// repository is whole again.
@Suite struct HostileRepositoryTests {
    @Test(arguments: HostileCase.all)
    func refuses(_ attack: HostileCase) throws {
        var honest = SampleRepository(listsHashes: attack.listsHashes)
        let client = try SampleClient(trusting: honest)
        try client.update(from: honest)
        advance(&honest)
        try #require(client.refusal(of: honest, target: SampleRepository.targetPath) == nil)
        let before = client.store.files

        var hostile = honest
        attack.spoil(&hostile)
        let refusal = client.refusal(of: hostile, target: attack.target)
        #expect(refusal?.contains(attack.rule) == true, "\(refusal ?? "accepted")")
        for (file, bytes) in client.store.files where before[file] != bytes {
            #expect(attack.mayReplace(file), "\(file.path) was replaced: \(String(decoding: bytes, as: UTF8.self))")
        }

        // Versions above whatever the hostile repository got to.
        for _ in 0..<3 { advance(&honest) }
        #expect(client.refusal(of: honest, target: SampleRepository.targetPath) == nil)
    }

    /// An expired root is the trusted one all the same (5.3.7 before 5.3.10): it may be what takes a stolen key away.
    @Test(arguments: [SampleRepository.past, SampleRepository.now.description])
    func keepsAnExpiredRootAndGoesNoFurther(expires: String) throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        try client.update(from: repository)
        let timestamp = client.store.files[.role(.timestamp)]
        repository.rotateRoot { $0.set(.string(expires), "expires") }
        repository.publishOnline()
        let rule = "root version 2 expired at \(expires), and it is 2026-11-20T12:00:00Z (freeze)"
        #expect(client.refusal(of: repository) == rule)
        #expect(client.store.files[.role(.root)] == repository.files["2.root.json"])
        #expect(client.store.files[.role(.timestamp)] == timestamp)
        repository.rotateRoot()
        #expect(client.refusal(of: repository) == nil)
    }

    private func advance(_ repository: inout SampleRepository) {
        for role in [RoleName.targets, SampleRepository.team] { repository.bump(role) }
        repository.publishOnline()
    }
}
