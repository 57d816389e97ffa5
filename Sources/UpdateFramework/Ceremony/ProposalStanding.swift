/// Who has signed a staged version of a role, and who has yet to.
package struct ProposalStanding: Sendable, Equatable {
    /// Those who must sign, as one who names keys asks: the keys of the root before and of the new root itself, or of a
    /// role's delegator.
    package struct Authority: Sendable, Equatable {
        /// Who asks: `root version 3`, `it`, `targets version 5`.
        package let name: String
        package let threshold: Int
        /// The keys that have signed, each once.
        package let signed: [MetadataKey]
        /// The keys that may sign yet.
        package let missing: [MetadataKey]

        package init(name: String, threshold: Int, signed: [MetadataKey], missing: [MetadataKey]) {
            self.name = name
            self.threshold = threshold
            self.signed = signed
            self.missing = missing
        }

        /// How many signatures are still needed.
        package var lacking: Int { max(0, threshold - signed.count) }
    }

    package let role: RoleName
    package let version: Int
    package let authorities: [Authority]

    package init(role: RoleName, version: Int, authorities: [Authority]) {
        self.role = role
        self.version = version
        self.authorities = authorities
    }

    /// Whether it may be put into effect.
    package var isComplete: Bool { authorities.allSatisfy { $0.lacking == 0 } }
}
