import FileSystem
import Glibc
import JSON
import Testing

/// A box that follows a repository: from signing a deployment to answering with the bundle, or not.
@Suite(.programs, .oneByOne, .serialized) struct UpdateTests {
    private let repository: UpdateRepository

    init() throws {
        repository = try UpdateRepository()
        try repository.publish(Example.native.get().bundle)
        try repository.publish(Example.script.get().bundle)
    }

    private func box(_ more: String = "") throws -> AgentBox {
        try AgentBox(repository.path, root: repository.root, more: more)
    }

    // MARK: The way there

    @Test func aBoxTakesWhatOperatorsSignedAndServesIt() throws {
        try repository.deploy("digits@1", "--soak", "0")
        let box = try box()
        try box.start()
        try box.waitUntilServing(1)
        let answer = try box.score("/v2/models/digits/infer", try Example.native.get().request("seven"))
        #expect(answer.status == 200)
        #expect(try box.endpoint().lastResult == "successful")
        #expect(try box.why().contains("digits 1"))
        try box.stop()
    }

    @Test func anUpdateUnderLoadLosesNoRequest() throws {
        try repository.deploy("digits@1", "--soak", "0")
        let box = try box()
        try box.start()
        try box.waitUntilServing(1)
        let load = try Load("/score", port: box.port, requests: try Example.script.get().requests)
        try repository.deploy("digits@2", "--soak", "1")
        try box.waitUntilServing(2)
        let result = try load.finish()
        #expect(result.failed == 0, "\(result)")
        #expect(result.bundles.count == 2, "\(result)")
        try box.stop()
    }

    // MARK: Refusals

    /// It computes what was computed when it was built, and is worse all the same.
    @Test func aWorseModelIsRefusedByTheAcceptanceSet() throws {
        try repository.add("\(Programs.repository)/examples/digits-worse", version: 3)
        try repository.publishAcceptance("\(Programs.repository)/examples/digits/acceptance.jsonl", bar: 0.9)
        try repository.deploy("digits@1", "--soak", "0", "--acceptance", "1")
        let box = try box()
        try box.start()
        try box.waitUntilServing(1)
        try repository.deploy("digits@3", "--soak", "0", "--acceptance", "1")
        let endpoint = try box.wait(for: "the refusal") { $0.lastResult == "rejected" && $0.state == "Idle" }
        #expect(endpoint.version == "1")
        #expect(endpoint.isServingCurrent)
        #expect(endpoint.lastDetail.contains("accuracy"))
        let why = try box.why()
        #expect(why.contains("accuracy") && why.contains("digits 3"), "\(why)")
        try box.stop()
    }

    @Test func aBundleThatCrashesWhileItIsObservedIsLeft() throws {
        try repository.add(try repository.crashingProject(), version: 4)
        try repository.deploy("digits@2", "--soak", "0")
        let box = try box()
        try box.start()
        try box.waitUntilServing(2)
        try repository.deploy("digits@4", "--soak", "60")
        try box.wait(for: "version 4 to serve") { $0.state == "Observe" && $0.version == "4" }
        let script = try Example.script.get()
        // It ends itself at the 20th request.
        for _ in 0..<30 { _ = try? box.score("/score", try script.request("seven")) }
        let endpoint = try box.waitUntilServing(2)
        #expect(endpoint.lastResult == "failedRollbackComplete")
        #expect(endpoint.lastSerial == 2)
        #expect(try box.why().contains("digits 2"))
        // It stays so: the verdict is kept.
        let answer = try box.score("/score", try script.request("seven"))
        #expect(answer.status == 200)
        try box.stop()
    }

    @Test func aRevokedBundleIsNotTaken() throws {
        try repository.deploy("digits@1", "--soak", "0")
        let box = try box()
        try box.start()
        try box.waitUntilServing(1)
        try box.stop()
        try repository.deploy("digits@2", "--soak", "0")
        try repository.revoke("digits@2", action: "refuse")
        try box.start()
        try box.wait(for: "the refusal") { _ in try box.why().contains("revoked") }
        #expect(try box.endpoint().version == "1")
        try box.stop()
    }

    @Test func whatRunsStopsWhereItsRevocationSaysSo() throws {
        try repository.deploy("digits@1", "--soak", "0")
        let box = try box()
        try box.start()
        try box.waitUntilServing(1)
        try repository.revoke("digits@1", action: "stop")
        try box.wait(for: "the end of the runtime") { $0.runtimes.isEmpty }
        // An agent that starts again does not bring it back.
        try box.stop()
        try box.start()
        try box.succeed("sync")
        #expect(try box.endpoint().runtimes.isEmpty)
        #expect(try box.why().contains("revoked"))
        try box.stop()
    }
}
