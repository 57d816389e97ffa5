package import UpdateFramework

/// What clients find before and after a change of delegations, path by path; what stays the same is left out.
package struct LookupDifference: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package let path: TargetPath
        package let before: FoundTarget?
        package let after: FoundTarget?
    }

    package let entries: [Entry]

    package init(from before: RoleLookup, to after: RoleLookup) {
        let paths = Set(before.listed(below: "")).union(after.listed(below: ""))
        entries = paths.sorted().compactMap { path in
            let (old, new) = (before.find(path.text), after.find(path.text))
            return old == new ? nil : Entry(path: path, before: old, after: new)
        }
    }

    /// Found until now, and by nobody any more.
    package var hidden: [FoundTarget] { entries.filter { $0.after == nil }.compactMap(\.before) }
    /// Found in another role, with other content.
    package var replaced: [FoundTarget] {
        entries.filter { entry in entry.before.map { $0.file != entry.after?.file } ?? false }.compactMap(\.after)
    }
    /// Found for the first time.
    package var appearing: [FoundTarget] { entries.filter { $0.before == nil }.compactMap(\.after) }
}
