import Deployment
import Digest
import EdgeAgent
import FileSystem
import Glibc
import Synchronization
import Testing

@testable import AgentSync

/// Whatever helper is killed before whichever change to the disk, and whichever change fails: what is there is whole,
/// and the next try ends as if nothing had been.
@Suite struct KilledHelperTests {
    /// What a box went through at each change of a step of its work.
    enum Step: String, CaseIterable {
        case fetch, admit, collect
    }

    /// A box that serves one bundle and is about to take the step towards the next.
    private struct Scene {
        let box: SampleBox
        let old: Published
        let new: Published

        init(before step: Step) throws {
            box = try SampleBox()
            old = try box.publish(SampleSources.varied(environment: 3))
            try box.admit(old.digest, from: box.repository)
            let source = SampleSources.varied(script: "def run(data): return 1\n", tensor: 8, environment: 4)
            new = try box.publish(source, version: "2")
            try box.plan(new.digest, data: data)
            try box.put(data, at: "\(box.repository)/blobs/\(SHA256.digest(data).hex)")
            if step == .fetch { return }
            try box.fetch(new.digest)
            if step == .admit { return }
            try box.admit(new.digest)
            try box.put([1], at: "\(box.layout.inbox)/bundles/\(old.digest.hex)/archive")
        }

        let data = Array("{}\n".utf8)

        func take(_ step: Step, on box: SampleBox, disk: DiskChanges = .plain) throws {
            switch step {
            case .fetch:
                let remote = SampleRemote([new], SampleRemote.State(pieceBytes: 9000))
                var fetcher = BundleFetcher(box.layout, from: RepositoryBase(box.repository))
                fetcher.disk = disk
                let base = RepositoryBase(box.repository)
                fetcher.open = { path in
                    path == new.archivePath ? SampleRemoteFile(remote, path: path) : try base.file(path)
                }
                _ = try fetcher.fetch(new.digest)
            case .admit: try box.admit(new.digest, disk: disk)
            case .collect:
                var collector = GarbageCollector(box.layout)
                collector.disk = disk
                _ = try collector.collect(keeping: [])
            }
        }

        /// What holds at any moment: generations and contents that have their names are whole.
        func holds(on box: SampleBox) throws {
            for bundle in [old, new] where try FileSystem.status(of: box.layout.generation(bundle.digest)) != nil {
                #expect(try box.isInstalled(bundle.digest))
            }
            #expect(try box.wrongContents().filter { !TemporaryName.isOne($0) } == [])
        }

        /// Goes on to the end, and finds all as it should be.
        func finish(_ step: Step, on box: SampleBox) throws {
            if step != .collect {
                try take(.fetch, on: box)
                try take(.admit, on: box)
            }
            #expect(try box.isInstalled(new.digest))
            #expect(try FileSystem.status(of: box.layout.generation(old.digest)) == nil || box.isInstalled(old.digest))
            try take(.collect, on: box)
            #expect(try box.names(box.layout.generations) == [new.digest.hex])
            #expect(try box.isInstalled(new.digest))
            #expect(try box.wrongContents() == [])
            #expect(try FileSystem.status(of: "\(box.layout.contents)/\(SHA256.digest(data).hex)") != nil)
            for folder in ["bundles", "blobs", "parts"] {
                #expect(try box.names("\(box.layout.inbox)/\(folder)") == [])
            }
        }
    }

    @Test(arguments: Step.allCases) func killedBeforeAnyChange(_ step: Step) throws {
        let scene = try Scene(before: step)
        // What a killed process leaves is what there is at that moment: destructors don't run.
        let left = Mutex<[SampleBox]>([])
        try scene.take(
            step,
            on: scene.box,
            disk: DiskChanges { _, _ in
                left.withLock { boxes in
                    if let box = try? SampleBox(copyOf: scene.box.scratch) { boxes.append(box) }
                }
                return nil
            }
        )
        let boxes = left.withLock { $0 }
        #expect(boxes.count > (step == .collect ? 3 : 10))
        print("\(step.rawValue): killed at \(boxes.count) places")
        for box in boxes {
            try scene.holds(on: box)
            try scene.finish(step, on: box)
        }
    }

    /// What a power cut leaves is not to be had here, but the order is that makes it harmless: first the bytes are on the
    /// disk, then they have a name, and then something may stand on that name.
    @Test func nothingHasANameBeforeTheDiskHasIt() throws {
        let scene = try Scene(before: .admit)
        let changes = Mutex<[(change: DiskChanges.Change, path: String)]>([])
        try scene.take(
            .admit,
            on: scene.box,
            disk: DiskChanges { change, path in
                changes.withLock { $0.append((change, path)) }
                return nil
            }
        )
        let all = changes.withLock { $0 }
        let contents = scene.box.layout.contents
        let renamed = all.enumerated().filter { $0.element.change == .rename && $0.element.path.hasPrefix(contents) }
        #expect(renamed.count > 2)
        for (place, change) in renamed {
            let name = FileSystem.name(of: change.path)
            let before = all[..<place].last { $0.path.contains("/.\(name).") }
            #expect(before?.change == .synchronize, "\(name)")
        }
        let links = try #require(all.firstIndex { $0.change == .link })
        let named = try #require(renamed.last { $0.offset < links }?.offset)
        #expect(all[named..<links].contains { $0.change == .synchronize && $0.path == contents })
        let generation = try #require(
            all.firstIndex { $0.change == .rename && $0.path == scene.box.layout.generation(scene.new.digest) }
        )
        let removed = try #require(all.firstIndex { $0.change == .remove })
        #expect(links < generation && generation < removed)
    }

    @Test func theJournalSaysNothingThatTheDiskHasNot() throws {
        let scene = try Scene(before: .fetch)
        let changes = Mutex<[(change: DiskChanges.Change, path: String)]>([])
        try scene.take(
            .fetch,
            on: scene.box,
            disk: DiskChanges { change, path in
                changes.withLock { $0.append((change, path)) }
                return nil
            }
        )
        let all = changes.withLock { $0 }
        let lines = all.indices.filter { all[$0].change == .write && all[$0].path.hasSuffix("/held") }
        #expect(!lines.isEmpty)
        for line in lines { #expect(all[line - 1].change == .synchronize && all[line - 1].path.hasSuffix("/archive")) }
    }

    @Test(arguments: Step.allCases) func fullAtAnyChange(_ step: Step) throws {
        let scene = try Scene(before: step)
        var place = 0
        while true {
            place += 1
            let box = try SampleBox(copyOf: scene.box.scratch)
            let failing = place
            let count = Mutex(0)
            let disk = DiskChanges { change, path in
                let reached = count.withLock { count in
                    count += 1
                    return count
                }
                // A disk that is full stays full.
                return reached >= failing && change != .remove
                    ? .failed(operation: "write", path: path, code: ENOSPC) : nil
            }
            do {
                try scene.take(step, on: box, disk: disk)
                break
            } catch let error as FileError {
                guard case .failed(.disk, _) = SyncOutcome(ofContents: error) else {
                    Issue.record("\(error)")
                    break
                }
            }
            try scene.holds(on: box)
            // Nothing half is left to take up the room that is missing.
            #expect(try box.wrongContents() == [], "\(place)")
            #expect(
                try box.names(box.layout.generations).allSatisfy { SHA256Digest(hex: $0) != nil || step == .collect }
            )
            try scene.finish(step, on: box)
        }
        #expect(place > (step == .collect ? 1 : 10))
    }
}
