/// Who has signed a staged version of a role, and who has yet to.
package struct ProposalStanding: Sendable, Equatable {
    /// Those who must sign, as one who names keys asks: the keys of the root before and of the new root itself, or of a
    /// role's delegator.
    package struct Authority: Sendable, Equatable {
        /// Who asks: `root version 3`, `itself`, `targets version 5`.
        package let name: String
        package let threshold: Int
        /// The keys that have signed, each once.
        package let signed: [MetadataKey]
        /// The keys that may sign yet.
        package let missing: [MetadataKey]

        /// How many signatures are still needed.
        package var lacking: Int { max(0, threshold - signed.count) }

        /// `targets version 5 asks for 2 of 3 keys: alice (4f2c91ab) has signed, bob (11d0a3c2) or carol (90fe1b7d) may`.
        package var sentence: String {
            let all = signed.count + missing.count
            let asks = "\(name) asks for \(threshold) of \(all) key\(all == 1 ? "" : "s"): "
            let done = signed.isEmpty ? "nobody has signed" : "\(Self.list(signed, "and")) signed"
            guard lacking > 0 else { return asks + done }
            guard !missing.isEmpty else { return asks + done + ", and there is nobody else who could" }
            return asks + done + "; missing \(lacking) of \(Self.list(missing, "and"))"
        }

        private static func list(_ keys: [MetadataKey], _ word: String) -> String {
            let names = keys.map(\.label)
            guard let last = names.last, names.count > 1 else { return names.first ?? "" }
            return "\(names.dropLast().joined(separator: ", ")) \(word) \(last)"
        }
    }

    package let role: RoleName
    package let version: Int
    package let authorities: [Authority]

    /// Whether it may be put into effect.
    package var isComplete: Bool { !authorities.isEmpty && authorities.allSatisfy { $0.lacking == 0 } }

    /// Those whose signature helps: the missing keys of all that are not content yet, each once.
    package var wanted: [MetadataKey] {
        var seen: Set<[UInt8]> = []
        return authorities.filter { $0.lacking > 0 }.flatMap(\.missing).filter {
            seen.insert($0.material ?? Array($0.id.utf8)).inserted
        }
    }
}
