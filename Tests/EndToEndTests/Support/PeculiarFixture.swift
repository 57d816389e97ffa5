import Testing

/// A repository that is unusual in one way that the specification allows, which `judges/hostile_repositories.py` writes,
/// and why python-tuf's client doesn't take it, where it doesn't.
struct PeculiarFixture: CustomTestStringConvertible, Sendable {
    /// The folder's name: the peculiarity.
    let name: String
    /// Why python-tuf's client (ngclient 7.0.1) refuses it; nil where it takes it.
    let refusedByPythonTUF: String?

    init(_ name: String, refusedByPythonTUF reason: String? = nil) {
        self.name = name
        refusedByPythonTUF = reason
    }

    var testDescription: String { name }

    static let all = [
        PeculiarFixture(
            "a-key-of-an-unknown-kind",
            refusedByPythonTUF: "it reads no root with a key whose material isn't called public"
        ),
        PeculiarFixture("a-key-that-is-damaged"),
        PeculiarFixture("a-key-that-no-role-uses"),
        PeculiarFixture(
            "a-role-that-is-unknown",
            refusedByPythonTUF: "it reads no root with other roles than the four"
        ),
        PeculiarFixture("a-specification-of-two-numbers"),
        PeculiarFixture("members-that-are-unknown"),
        PeculiarFixture("keys-for-snapshot-and-timestamp-that-are-one"),
        PeculiarFixture("an-empty-signature-beside-a-good-one"),
        PeculiarFixture("a-signature-that-is-no-digits"),
        PeculiarFixture("a-signature-of-a-key-that-nobody-knows"),
        PeculiarFixture("a-signature-in-capitals"),
        PeculiarFixture("a-signature-with-members-that-are-unknown"),
        PeculiarFixture("metadata-with-indentation-and-escapes"),
        PeculiarFixture(
            "a-target-with-an-unusual-name",
            refusedByPythonTUF: "it asks for the path as it stands in metadata, not encoded"
        ),
        PeculiarFixture("a-target-without-a-byte"),
        PeculiarFixture(
            "a-digest-of-an-unknown-kind-beside-a-known-one",
            refusedByPythonTUF: "it takes no file of which it can't compute every digest"
        ),
        PeculiarFixture("a-role-with-an-unusual-name"),
        PeculiarFixture("a-role-by-hash-prefixes"),
    ]
}
