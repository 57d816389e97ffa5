import Deployment
import Digest
import EdgeAgent
import FileSystem
import JSON
import Testing

@testable import AgentSync

/// Labels of the fleet on their way to what selectors see.
@Suite struct FleetLabelsTests {
    private let place: TemporaryPlace

    init() throws { place = try TemporaryPlace() }

    /// Bundle 2 for `site=hamburg`, and nothing for others.
    private func repository() throws -> BoxRepository {
        var repository = try BoxRepository(in: place.path)
        try repository.addBundle(2)
        try repository.deploy(1, 2) { $0.selector = try Self.selector("site", "hamburg") }
        try repository.publish()
        return repository
    }

    private static func selector(_ name: String, _ value: String) throws -> Selector {
        .equals(try #require(LabelName(name)), try #require(LabelValue(value)))
    }

    private func send(_ text: String, to repository: BoxRepository) throws {
        try FileSystem.createDirectories(repository.store.inbox)
        try FileSystem.write(Array(text.utf8), to: repository.store.inboxLabels)
    }

    private func title(_ repository: BoxRepository) throws -> String? { try repository.sync().title }

    @Test func theFleetsLabelsChooseWhatABoxServes() throws {
        let repository = try repository()
        #expect(try title(repository) != "digits 2")
        try send(#"{"labels":{"site":"hamburg"}}"#, to: repository)
        #expect(try repository.fetch().isChanged)
        try repository.admit()
        #expect(try repository.plan()?.endpoints[repository.endpoint]?.title == "digits 2")
        let name = try #require(LabelName("site"))
        #expect(try repository.opened().box.labels[name]?.text == "hamburg")
        #expect(try EndpointAccount.all(repository.opened())[0].sentence.contains("digits 2"))
        // Where there is no fleet to ask, they hold on.
        try FileSystem.removeFile(repository.store.inboxLabels)
        #expect(try title(repository) == "digits 2")
        // What the box was told stays as it was told.
        #expect(try AgentStore(repository.store).box().labels.values.isEmpty)
        try send(#"{"labels":{}}"#, to: repository)
        #expect(try title(repository) != "digits 2")
        #expect(try repository.opened().box.labels[name] == nil)
    }

    @Test func theFleetsLabelsLieOverTheBoxsOwn() throws {
        var repository = try repository()
        let site = try #require(LabelName("site"))
        let own = try #require(LabelName("local.rack"))
        repository.box.labels.values = [
            site: try #require(LabelValue("berlin")), own: try #require(LabelValue("4")),
        ]
        try FileSystem.write(repository.box.encoded(), to: repository.store.box)
        try send(#"{"labels":{"site":"hamburg","local.rack":"5"}}"#, to: repository)
        #expect(try title(repository) == "digits 2")
        let labels = try repository.opened().box.labels
        #expect(labels[site]?.text == "hamburg" && labels[own]?.text == "4")
    }

    @Test(arguments: [
        "", "{", "[]", #"{"labels":[]}"#, #"{"labels":{"Site":"x"}}"#, #"{"labels":{"site":"<b>"}}"#,
        #"{"labels":{"site":1}}"#, #"{"labels":{"site":""}}"#,
        #"{"labels":{"# + (0..<65).map { "\"a\($0)\":\"b\"" }.joined(separator: ",") + "}}",
        #"{"labels":{"a":"# + String(repeating: "[", count: 60) + "}}",
        String(repeating: " ", count: 100_000) + #"{"labels":{}}"#,
    ])
    func labelsThatAreNoneChangeNothing(text: String) throws {
        let repository = try repository()
        try send(#"{"labels":{"site":"hamburg"}}"#, to: repository)
        #expect(try title(repository) == "digits 2")
        try send(text, to: repository)
        try repository.fetch()
        let admitted = try repository.admit()
        #expect(admitted.notices.contains { $0.contains("labels") })
        #expect(try repository.plan()?.endpoints[repository.endpoint]?.title == "digits 2")
    }

    /// What is cut off between the labels and the plan is judged again.
    @Test func whereverAdmittingIsKilledItGoesOn() throws {
        struct Killed: Error {}
        let repository = try repository()
        #expect(try title(repository) != "digits 2")
        try send(#"{"labels":{"site":"hamburg"}}"#, to: repository)
        try repository.fetch()
        var places = 0
        while true {
            var left = places
            do {
                _ = try MetadataAdmission.run(repository.opened(), from: nil) { _ in
                    if left == 0 { throw Killed() }
                    left -= 1
                }
                break
            } catch is Killed { places += 1 }
            #expect(try repository.plan()?.endpoints[repository.endpoint]?.title != "digits 2")
        }
        #expect(places >= 2)
        #expect(try repository.plan()?.endpoints[repository.endpoint]?.title == "digits 2")
    }
}
