import Deployment
import Digest
import EdgeAgent
import FileSystem
import JSON
import Testing

@testable import AgentSync

@Suite struct GarbageCollectorTests {
    private func install(_ count: Int, on box: SampleBox) throws -> [SHA256Digest] {
        try (0..<count).map { index in
            let bundle = try box.publish(
                SampleSources.varied(script: "VERSION = \(index)\n", environment: 3),
                version: "\(index)"
            )
            try box.admit(bundle.digest, from: box.repository)
            return bundle.digest
        }
    }

    @Test func whatIsKeptIsNeverTouched() throws {
        let box = try SampleBox()
        let bundles = try install(6, on: box)
        guard let endpoint = EndpointName("digits") else { return }
        // The state names two, the plan two, the command line one; one is left.
        var state = EndpointState(endpoint: endpoint)
        state.progress = UpdateProgress(
            generations: EndpointGenerations(
                current: InstalledGeneration(bundle: bundles[0], serial: 2),
                fallbacks: [bundles[1]]
            )
        )
        try AgentStore(box.layout).save(state)
        try box.plan(bundles[2], on: "other", fallbacks: [bundles[3]])
        let outcome = try GarbageCollector(box.layout).collect(keeping: [bundles[4]])
        #expect(outcome == .done(["contentBytes": 12, "contents": 1, "generations": 1]))
        for bundle in bundles.dropLast() { #expect(try box.isInstalled(bundle)) }
        #expect(try FileSystem.status(of: box.layout.generation(bundles[5])) == nil)
        #expect(try box.wrongContents() == [])
        let again = try GarbageCollector(box.layout).collect(keeping: [bundles[4]])
        #expect(again == .done(["contentBytes": 0, "contents": 0, "generations": 0]))
    }

    @Test func whereAnythingCannotBeReadNothingIsRemoved() throws {
        let box = try SampleBox()
        let bundles = try install(2, on: box)
        let files = [box.layout.plan, "\(box.layout.endpoint(try #require(EndpointName("digits"))))/state"]
        for file in files {
            try box.put(Array("{".utf8), at: file)
            #expect(throws: (any Error).self) { try GarbageCollector(box.layout).collect(keeping: []) }
            for bundle in bundles { #expect(try box.isInstalled(bundle)) }
            try FileSystem.removeFile(file)
        }
        // A deployment that the plan names and that isn't there.
        try box.plan(bundles[0])
        try FileSystem.removeTree("\(box.layout.documents)/deployments")
        #expect(throws: (any Error).self) { try GarbageCollector(box.layout).collect(keeping: []) }
        for bundle in bundles { #expect(try box.isInstalled(bundle)) }
    }

    @Test func aNewerStoreIsLeftAlone() throws {
        let box = try SampleBox()
        let bundles = try install(1, on: box)
        try box.put(Array(#"{"format":"2.0"}"#.utf8), at: box.layout.format)
        #expect(throws: StoreError.self) { try GarbageCollector(box.layout).collect(keeping: []) }
        #expect(throws: StoreError.self) { try box.fetch(bundles[0]) }
        #expect(throws: StoreError.self) { try box.admit(bundles[0]) }
        #expect(try box.isInstalled(bundles[0]))
    }

    @Test func acceptanceDataStaysWhileAPlanNeedsIt() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.small)
        let data = SampleSources.noise(5000)
        let digest = SHA256.digest(data).hex
        try box.plan(bundle.digest, data: data)
        try box.put(data, at: "\(box.repository)/blobs/\(digest)")
        try box.fetch(bundle.digest)
        try box.admit(bundle.digest)
        _ = try GarbageCollector(box.layout).collect(keeping: [])
        #expect(try box.names(box.layout.contents).contains(digest))
        try FileSystem.removeFile(box.layout.plan)
        _ = try GarbageCollector(box.layout).collect(keeping: [])
        #expect(try box.names(box.layout.contents) == [])
    }
}
