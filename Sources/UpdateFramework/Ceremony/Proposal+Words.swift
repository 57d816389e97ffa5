internal import Diagnostics
internal import JSON

/// What a proposal changes, in words. All of it: what has no words of its own is shown as the JSON it is.
extension Proposal {
    func changes(since previous: StagedMetadata?, _ explain: DocumentExplainer) -> [String] {
        switch (metadata, previous) {
        case (.root(let new), .root(let old)): RootWords(old: old.body, new: new.body).sentences
        case (.root(let new), _): RootWords(old: nil, new: new.body).sentences
        case (.targets(let new), .targets(let old)): targetsWords(old.body, new.body, explain)
        case (.targets(let new), _): targetsWords(nil, new.body, explain)
        }
    }

    private func targetsWords(
        _ old: TargetsMetadata?,
        _ new: TargetsMetadata,
        _ explain: DocumentExplainer
    ) -> [String] {
        let contents = Dictionary(documents.map { ($0.path, $0.contents) }) { first, _ in first }
        var words = headerWords(old?.header, new.header)
        // By exact text: two spellings of one letter are two targets, and neither may stay unsaid.
        let paths = Array(new.targets.keys) + (old.map { Array($0.targets.keys) } ?? [])
        for path in Set(paths.map { ExactText($0) }).sorted().map(\.text) {
            let change = DocumentChange(
                path: path,
                old: old?.targets[path],
                new: new.targets[path],
                contents: TargetPath(path).flatMap { contents[$0] }
            )
            guard change.old != change.new else { continue }
            words += documentWords(change, explain)
        }
        words += DelegationWords(old: old?.delegations, new: new.delegations).sentences
        words += otherWords(old?.json, new.json, known: MetadataHeader.names.union(["targets", "delegations"]), "")
        return words.isEmpty ? ["nothing but its version"] : words
    }

    private func documentWords(_ change: DocumentChange, _ explain: DocumentExplainer) -> [String] {
        guard let new = change.new else { return ["lists \(change.path) no more"] }
        let digest = new.hashes.fileNamePrefix.map { new.hashes.sha256 == nil ? "sha512:\($0)" : "sha256:\($0)" }
        let verb = change.old == nil ? "lists" : "lists anew"
        var words = ["\(verb) \(change.path), \(new.length) bytes, \(digest ?? "without a digest")"]
        if let meaning = explain(change, attachments) {
            words += meaning.map { "  \($0)" }
        } else {
            if change.old?.custom != new.custom {
                words.append("  with custom metadata \(new.custom.map { text(.object($0)) } ?? "taken away")")
            }
            if let contents = change.contents {
                words.append(
                    contents.count <= 2_000
                        ? "  in full: \(String(decoding: contents, as: UTF8.self))"
                        : "  it has no words here, and \(contents.count) bytes are too much to show"
                )
            }
        }
        if change.contents == nil, change.old?.hashes != new.hashes {
            words.append("  its content is not here: whoever signs this signs it unseen")
        }
        words += otherWords(change.old?.json, new.json, known: ["length", "hashes", "custom"], "  of it ")
        // Kinds of digests that nobody here judges by are signed all the same.
        words += otherWords(change.old?.hashes.json, new.hashes.json, known: ["sha256", "sha512"], "  of its hashes ")
        return words
    }
}

private func text(_ value: JSONValue) -> String { String(decoding: value.compactBytes(), as: UTF8.self) }

private func headerWords(_ old: MetadataHeader?, _ new: MetadataHeader) -> [String] {
    var words: [String] = []
    if let old, old.expires != new.expires {
        words.append("good until \(new.expires), before until \(old.expires)")
    } else if old == nil {
        words.append("good until \(new.expires)")
    }
    if let old, old.specVersion != new.specVersion {
        words.append("by version \(new.specVersion) of the specification, before \(old.specVersion)")
    }
    return words
}

/// The members that have no words of their own.
private func otherWords(_ old: JSONValue?, _ new: JSONValue?, known: Set<String>, _ place: String) -> [String] {
    // Strangers send objects of any size, and an object looks for each name that it is asked for.
    func table(_ value: JSONValue?) -> [ExactText: JSONValue] {
        let members = value?.objectValue?.members ?? []
        let unknown = members.filter { !known.contains($0.name) }
        return Dictionary(unknown.map { (ExactText($0.name), $0.value) }) { first, _ in first }
    }
    let (old, new) = (table(old), table(new))
    return Set(old.keys).union(new.keys).sorted().compactMap { name in
        guard old[name] != new[name] else { return nil }
        guard let value = new[name] else { return "\(place)the field \"\(name.text)\", not known here, is taken away" }
        return "\(place)the field \"\(name.text)\", not known here, becomes \(text(value))"
    }
}

/// Who signs a role, and what of it changes.
private struct KeyWords {
    struct Signers {
        let roleKeys: RoleKeys
        let keys: [MetadataKey]

        init(_ roleKeys: RoleKeys, _ table: [String: MetadataKey]) {
            self.roleKeys = roleKeys
            keys = roleKeys.keyIDs.compactMap { table[$0] }
        }

        var sentence: String {
            let names = keys.map(\.label).joined(separator: ", ")
            return "signed by \(roleKeys.threshold) of \(keys.count): \(names.isEmpty ? "nobody" : names)"
        }

        /// In full: eight digits can be had by trying.
        func ids(before indent: String) -> [String] { keys.map { "\(indent)\($0.label) has the key id \($0.id)" } }
    }

    let role: String
    let old: Signers?
    let new: Signers

    var sentences: [String] {
        guard let old else { return ["\(role): \(new.sentence)"] + new.ids(before: "\(role): ") + others }
        var words: [String] = []
        let added = new.keys.filter { !old.keys.contains($0) }
        let removed = old.keys.filter { !new.keys.contains($0) }
        for key in added { words.append("\(role): \(key.label) may sign from now on, key id \(key.id)") }
        for key in removed { words.append("\(role): \(key.label) signs no more, key id \(key.id)") }
        let hasChanged =
            old.roleKeys.threshold != new.roleKeys.threshold || !added.isEmpty || !removed.isEmpty
            || old.roleKeys.keyIDs != new.roleKeys.keyIDs
        if hasChanged {
            words.append("\(role): \(new.sentence), instead of \(old.roleKeys.threshold) of \(old.keys.count)")
        }
        return words + others
    }

    private var others: [String] {
        let old = old.map { JSONValue.object($0.roleKeys.members) }
        return otherWords(old, .object(new.roleKeys.members), known: RoleKeys.names, "\(role): ")
    }
}

private struct RootWords {
    let old: RootMetadata?
    let new: RootMetadata

    var sentences: [String] {
        var words = headerWords(old?.header, new.header)
        for role in [RoleName.root, .targets, .snapshot, .timestamp] {
            let before = old.map { KeyWords.Signers($0.keys(of: role), $0.keys) }
            let after = KeyWords.Signers(new.keys(of: role), new.keys)
            words += KeyWords(role: role.text, old: before, new: after).sentences
        }
        if old.map({ $0.consistentSnapshot != new.consistentSnapshot }) ?? !new.consistentSnapshot {
            words.append("snapshots are \(new.consistentSnapshot ? "" : "not ")consistent from now on")
        }
        let used = Set([RoleName.root, .targets, .snapshot, .timestamp].flatMap { new.keys(of: $0).keyIDs })
        words += unusedWords(old?.keys ?? [:], new.keys, used)
        words += otherWords(
            old?.json,
            new.json,
            known: MetadataHeader.names.union(["consistent_snapshot", "keys", "roles"]),
            ""
        )
        return words.isEmpty ? ["nothing but its version"] : words
    }
}

/// Keys that stand there for no role.
private func unusedWords(_ old: [String: MetadataKey], _ new: [String: MetadataKey], _ used: Set<String>) -> [String] {
    new.sorted { $0.key < $1.key }.filter { !used.contains($0.key) && old[$0.key] != $0.value }.map {
        "the key \($0.value.label) stands there for no role"
    }
}

private struct DelegationWords {
    let old: Delegations?
    let new: Delegations?

    var sentences: [String] {
        let before = old?.roles ?? []
        let after = new?.roles ?? []
        var words: [String] = []
        // By dictionary: strangers choose how many there are.
        let earlierRoles = Dictionary(before.map { ($0.name, $0) }) { first, _ in first }
        let names = Set(after.map(\.name))
        for role in before where !names.contains(role.name) { words.append("delegates to \(role.name) no more") }
        for (index, role) in after.enumerated() {
            let signers = KeyWords.Signers(role.keys, new?.keys ?? [:])
            guard let earlier = earlierRoles[role.name] else {
                words.append("delegates to \(role.name), \(place(index, after)): \(scope(role)), \(signers.sentence)")
                words += signers.ids(before: "  ")
                if role.isTerminating { words.append("  what \(role.name) doesn't list is looked for nowhere else") }
                words += otherWords(nil, .object(role.members), known: Self.known, "\(role.name): ")
                continue
            }
            words +=
                KeyWords(
                    role: role.name.text,
                    old: KeyWords.Signers(earlier.keys, old?.keys ?? [:]),
                    new: signers
                ).sentences
            if earlier.scope != role.scope {
                words.append("\(role.name): \(scope(role)), before \(scope(earlier))")
            }
            if earlier.isTerminating != role.isTerminating {
                let rule = role.isTerminating ? "nowhere else" : "in the roles after it, too"
                words.append("\(role.name): what it doesn't list is looked for \(rule)")
            }
        }
        let kept = Set(after.map(\.name)).intersection(before.map(\.name))
        if before.map(\.name).filter(kept.contains) != after.map(\.name).filter(kept.contains) {
            words.append("roles are asked in another order: \(after.map(\.name.text).joined(separator: ", "))")
        }
        words += unusedWords(old?.keys ?? [:], new?.keys ?? [:], Set(after.flatMap(\.keys.keyIDs)))
        words += otherWords(old?.json, new?.json, known: ["keys", "roles"], "of its delegations ")
        return words
    }

    private static let known: Set<String> = [
        "name", "keyids", "threshold", "terminating", "paths", "path_hash_prefixes",
    ]

    private func place(_ index: Int, _ roles: [DelegatedRole]) -> String {
        index + 1 < roles.count ? "before \(roles[index + 1].name)" : "as the last"
    }

    private func scope(_ role: DelegatedRole) -> String {
        switch role.scope {
        case .paths(let patterns): "for \(patterns.isEmpty ? "no paths" : patterns.map(\.text).joined(separator: ", "))"
        case .hashPrefixes(let prefixes): "for paths whose SHA-256 begins with \(prefixes.joined(separator: ", "))"
        }
    }
}
