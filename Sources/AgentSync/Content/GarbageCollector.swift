internal import Deployment
package import Digest
package import EdgeAgent
internal import FileSystem
internal import JSON

/// Removes what nothing needs: generations, contents that no generation has, fetched files of other bundles.
///
/// All that is kept is found out before anything is removed: where that can't be read, nothing is.
package struct GarbageCollector: Sendable {
    private let layout: StoreLayout
    package var disk = DiskChanges.plain

    package init(_ layout: StoreLayout) { self.layout = layout }

    /// - Parameter bundles: what is to stay beside what endpoints have, could go back to, or are to get.
    package func collect(keeping bundles: [SHA256Digest]) throws -> SyncOutcome {
        let store = try AgentStore(layout)
        let admitting = try ContentStore.lock(layout.contents)
        let fetching = try ContentInbox(layout).lock()
        defer {
            withExtendedLifetime(admitting) {}
            withExtendedLifetime(fetching) {}
        }
        let kept = try kept(bundles, store)
        let needed = Set(try AcceptanceData.needed(in: store).map(\.name))

        let generations = try removeGenerations(keeping: kept)
        let contents = try removeContents(keeping: needed)
        try removeFetched(keeping: kept, data: Set(needed.map(\.digest)))
        return .done([
            "contentBytes": .integer(contents.bytes), "contents": .integer(contents.files),
            "generations": .integer(generations),
        ])
    }

    private func kept(_ bundles: [SHA256Digest], _ store: AgentStore) throws -> Set<SHA256Digest> {
        var kept = Set(bundles)
        for name in try names(in: layout.endpoints) {
            guard let endpoint = EndpointName(name) else { continue }
            kept.formUnion(try store.state(of: endpoint).progress.kept)
        }
        for plan in try store.plan()?.endpoints.values.map(\.wanted) ?? [] {
            switch plan {
            case .bundle(let candidate), .installed(let candidate):
                kept.formUnion([candidate.bundle] + candidate.fallbacks)
            case .removal, .nothing: break
            }
        }
        return kept
    }

    private func names(in folder: String) throws -> [String] {
        try FileSystem.status(of: folder) == nil ? [] : try FileSystem.names(in: folder)
    }

    private func removeGenerations(keeping kept: Set<SHA256Digest>) throws -> Int {
        var removed = 0
        for name in try names(in: layout.generations) {
            let path = "\(layout.generations)/\(name)"
            if TemporaryName.isOne(name) {
                try remove(path)
            } else if let bundle = SHA256Digest(hex: name), !kept.contains(bundle) {
                // A generation that is half removed must not have its name.
                let unfinished = TemporaryName.beside(path)
                try disk.will(.rename, unfinished)
                try FileSystem.rename(path, to: unfinished)
                try FileSystem.synchronizeDirectory(layout.generations)
                try remove(unfinished)
                removed += 1
            }
        }
        return removed
    }

    private func removeContents(keeping needed: Set<ContentName>) throws -> (files: Int, bytes: Int) {
        var (files, bytes) = (0, 0)
        for file in try names(in: layout.contents) {
            let path = "\(layout.contents)/\(file)"
            if TemporaryName.isOne(file) {
                try remove(path)
            } else if let name = ContentName(file: file), !needed.contains(name),
                let status = try FileSystem.status(of: path), status.links == 1
            {
                try remove(path)
                files += 1
                bytes += status.size
            }
        }
        return (files, bytes)
    }

    private func removeFetched(keeping kept: Set<SHA256Digest>, data: Set<SHA256Digest>) throws {
        let inbox = ContentInbox(layout)
        for (folder, wanted) in [(inbox.bundles, kept), (inbox.blobs, data), (inbox.parts, data)] {
            for name in try names(in: folder) where SHA256Digest(hex: name).map(wanted.contains) != true {
                try remove("\(folder)/\(name)")
            }
        }
    }

    private func remove(_ path: String) throws {
        try disk.will(.remove, path)
        try FileSystem.removeTree(path)
    }
}
