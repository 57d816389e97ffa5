import Testing

/// A repository with one defect, which `judges/hostile_repositories.py` writes: what our client says of it, and where
/// python-tuf's client judges otherwise.
struct HostileFixture: CustomTestStringConvertible, Sendable {
    /// Whether python-tuf's client (ngclient 7.0.1) downloads the target.
    enum PythonTUF: Sendable {
        case refuses
        /// It takes what we refuse, for this reason.
        case accepts(String)
        /// It can't be asked, for this reason.
        case notAsked(String)
    }

    /// The folder's name: the defect.
    let name: String
    /// What the error holds: the role and the rule that is broken.
    let says: [String]
    let pythonTUF: PythonTUF

    init(_ name: String, _ says: String..., pythonTUF: PythonTUF = .refuses) {
        self.name = name
        self.says = says
        self.pythonTUF = pythonTUF
    }

    var testDescription: String { name }

    static let all = roots + timestamps + snapshots + targets + delegated + files + servers
}

extension HostileFixture {
    private static let roots: [HostileFixture] = [
        HostileFixture(
            "root-not-signed-by-trusted-keys",
            "root version 2 is signed by 0 of the 2 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "root-below-the-trusted-threshold",
            "root version 2 is signed by 1 of the 2 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "root-below-its-own-threshold",
            "root version 2 is signed by 1 of the 2 keys that it asks for (arbitrary software)"
        ),
        HostileFixture(
            "root-with-one-key-under-two-ids",
            "root version 2 is signed by 2 of the 3 keys that it asks for (arbitrary software)",
            pythonTUF: .accepts("it counts ids, which its own writer never gives twice")
        ),
        HostileFixture("root-with-a-signature-twice", "root metadata holds two signatures of key"),
        HostileFixture(
            "root-with-empty-signatures",
            "root version 2 is signed by 0 of the 2 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "root-without-signatures",
            "root version 2 is signed by 0 of the 2 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "root-signed-as-it-is-written",
            "root version 2 is signed by 0 of the 2 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "root-with-keys-of-another-type",
            "root version 2 is signed by 1 of the 2 keys that it asks for (arbitrary software)"
        ),
        HostileFixture(
            "root-of-the-trusted-version-again",
            "root has version 1, but the chain after trusted version 1 asks for version 2 (mix-and-match)"
        ),
        HostileFixture("root-that-is-expired", "root version 2 expired at ", "(freeze)"),
        HostileFixture(
            "root-that-skips-a-version",
            "root has version 3, but the chain after trusted version 1 asks for version 2 (mix-and-match)"
        ),
        HostileFixture("root-of-version-zero", "signed.version: 0 is outside 1 to"),
        HostileFixture("root-of-a-version-in-quotes", "signed.version: expected an integer, found a string"),
        HostileFixture(
            "root-of-a-version-beyond-integers",
            "the number 18446744073709551616 has no canonical JSON form"
        ),
        HostileFixture("root-without-a-timestamp-role", "signed.roles.timestamp: is missing"),
        HostileFixture("root-with-a-threshold-of-zero", "signed.roles.targets.threshold: 0 is outside 1 to"),
        HostileFixture("root-with-a-threshold-below-zero", "signed.roles.timestamp.threshold: -1 is outside 1 to"),
        HostileFixture(
            "root-with-a-threshold-above-its-keys",
            "root version 2 is signed by 2 of the 4 keys that it asks for (arbitrary software)"
        ),
        HostileFixture("root-with-a-key-twice-in-a-role", "signed.roles.root.keyids: lists a key twice"),
        HostileFixture("root-of-specification-two", "signed.spec_version: 2.0.0 is not supported, only 1.x is"),
        HostileFixture("root-without-a-specification", "signed.spec_version: is missing"),
        HostileFixture("root-that-says-it-is-targets", "root metadata is of type \"targets\""),
        HostileFixture("root-with-a-fraction-of-a-second", "signed.expires: 2099-01-01T00:00:00.5Z is no time"),
        HostileFixture("root-with-a-local-time", "signed.expires: 2099-01-01T00:00:00+01:00 is no time"),
        HostileFixture("root-with-a-day-that-is-none", "signed.expires: 2099-02-30T00:00:00Z is no time"),
        HostileFixture("root-without-keys", "signed.keys: is missing"),
        HostileFixture("root-with-a-key-without-a-scheme", "signed.keys.", ".scheme: is missing"),
        HostileFixture("root-with-a-key-without-material", "signed.keys.", ".keyval: is missing"),
        HostileFixture("root-that-is-cut-off", "malformed JSON: the text ends"),
        HostileFixture("root-with-more-behind-it", "expected the end of the text"),
        HostileFixture(
            "root-with-a-name-twice",
            "the name \"version\" stands twice",
            pythonTUF: .accepts("Python's parser takes the last of two members of one name")
        ),
        HostileFixture(
            "root-larger-than-any-may-be",
            "2.root.json is larger than the 512000 bytes that are read of it (endless data)"
        ),
        HostileFixture("root-that-is-not-unicode", "not valid UTF-8"),
        HostileFixture("root-that-is-a-list", "expected an object, found an array"),
        HostileFixture("root-that-is-a-login-page", "malformed JSON at byte 0: expected a value"),
    ]

    private static let timestamps: [HostileFixture] = [
        HostileFixture(
            "timestamp-without-signatures",
            "timestamp version 3 is signed by 0 of the 1 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "timestamp-signed-by-another-role",
            "timestamp version 3 is signed by 0 of the 1 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "timestamp-with-an-empty-signature",
            "timestamp version 3 is signed by 0 of the 1 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "timestamp-with-a-signature-in-another-encoding",
            "timestamp version 3 is signed by 0 of the 1 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture("timestamp-with-a-signature-twice", "timestamp metadata holds two signatures of key"),
        HostileFixture(
            "timestamp-by-a-key-that-was-replaced",
            "timestamp version 3 is signed by 0 of the 1 keys that root version 2 asks for (arbitrary software)"
        ),
        HostileFixture(
            "timestamp-older-than-the-trusted-one",
            "timestamp version 1 is older than trusted version 2 (rollback)"
        ),
        HostileFixture("timestamp-that-is-missing", "the repository has no timestamp.json"),
        HostileFixture("timestamp-that-is-a-snapshot", "timestamp metadata is of type \"snapshot\""),
        HostileFixture(
            "timestamp-naming-an-older-snapshot",
            "timestamp version 3 lists snapshot version 1, which is older than trusted version 2 (rollback)"
        ),
        HostileFixture("timestamp-that-is-expired", "timestamp version 3 expired at ", "(freeze)"),
        HostileFixture("timestamp-without-an-expiry", "signed.expires: is missing"),
        HostileFixture("timestamp-without-a-snapshot", "signed.meta.snapshot.json: is missing"),
        HostileFixture("timestamp-of-a-negative-version", "signed.version: -3 is outside 1 to"),
        HostileFixture("timestamp-of-a-fractional-version", "the number 3.5 has no canonical JSON form"),
        HostileFixture("timestamp-with-a-fraction-where-nobody-looks", "the number 0.5 has no canonical JSON form"),
        HostileFixture(
            "timestamp-naming-a-snapshot-of-version-zero",
            "signed.meta.snapshot.json.version: 0 is outside 1 to"
        ),
        HostileFixture(
            "timestamp-changed-after-it-was-signed",
            "timestamp version 9 is signed by 0 of the 1 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "timestamp-larger-than-any-may-be",
            "timestamp.json is larger than the 16384 bytes that are read of it (endless data)"
        ),
        HostileFixture("timestamp-nested-without-end", "is nested deeper than 64 levels"),
        HostileFixture("timestamp-that-is-empty", "malformed JSON: the text ends"),
        HostileFixture("timestamp-with-a-mark-of-byte-order", "malformed JSON at byte 0: expected a value"),
        HostileFixture("timestamp-whose-signatures-are-an-object", "signatures: expected an array, found an object"),
    ]

    private static let snapshots: [HostileFixture] = [
        HostileFixture(
            "snapshot-signed-by-another-role",
            "snapshot version 3 is signed by 0 of the 1 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "snapshot-of-another-version-than-its-name",
            "snapshot has version 2, but timestamp version 3 asks for version 3 (mix-and-match)"
        ),
        HostileFixture("snapshot-that-is-missing", "the repository has no 3.snapshot.json"),
        HostileFixture("snapshot-that-says-it-is-targets", "snapshot metadata is of type \"targets\""),
        HostileFixture(
            "snapshot-with-no-digest-that-is-known",
            "metadata states neither a sha256 nor a sha512 of snapshot.json"
        ),
        HostileFixture(
            "snapshot-listed-larger-than-any-may-be",
            "3.snapshot.json is larger than the 2000000 bytes that are read of it (endless data)"
        ),
        HostileFixture("snapshot-that-is-expired", "snapshot version 3 expired at ", "(freeze)"),
        HostileFixture(
            "snapshot-naming-older-targets",
            "snapshot version 3 lists targets.json version 1, which is older than trusted version 2 (rollback)"
        ),
        HostileFixture(
            "snapshot-naming-an-older-role",
            "snapshot version 3 lists team.json version 1, which is older than trusted version 2 (rollback)"
        ),
        HostileFixture(
            "snapshot-that-forgets-a-role",
            "snapshot version 3 does not list team.json, which trusted version 2 lists (rollback)"
        ),
        HostileFixture(
            "snapshot-without-targets",
            "snapshot version 3 does not list targets.json, which trusted version 2 lists (rollback)"
        ),
        HostileFixture("snapshot-naming-version-zero", "signed.meta.team.json.version: 0 is outside 1 to"),
        HostileFixture("snapshot-naming-a-length-below-zero", "signed.meta.team.json.length: -1 is outside 0 to"),
        HostileFixture(
            "snapshot-naming-a-digest-that-is-none",
            "signed.meta.team.json.hashes.sha256: is no SHA-256 digest"
        ),
        HostileFixture("snapshot-of-another-digest", "snapshot.json has another SHA-256 than signed metadata says"),
        HostileFixture("snapshot-shorter-than-listed", "snapshot.json has ", "bytes, where signed metadata says"),
        HostileFixture("snapshot-longer-than-listed", "3.snapshot.json is larger than the ", "(endless data)"),
    ]

    private static let targets: [HostileFixture] = [
        HostileFixture(
            "targets-signed-by-a-delegate",
            "targets version 3 is signed by 0 of the 1 keys that root version 1 asks for (arbitrary software)"
        ),
        HostileFixture(
            "targets-of-another-version-than-its-name",
            "targets has version 2, but snapshot version 3 asks for version 3 (mix-and-match)"
        ),
        HostileFixture("targets-that-are-missing", "the repository has no 3.targets.json"),
        HostileFixture("targets-that-are-expired", "targets version 3 expired at ", "(freeze)"),
        HostileFixture("targets-without-targets", "signed.targets: is missing"),
        HostileFixture("targets-with-a-length-below-zero", "signed.targets.x.length: -5 is outside 0 to"),
        HostileFixture(
            "targets-with-a-digest-that-is-none",
            "signed.targets.x.hashes.sha256: is no SHA-256 digest",
            pythonTUF: .accepts("it looks at digests of what it downloads only")
        ),
        HostileFixture("targets-without-a-length", "signed.targets.x.length: is missing"),
        HostileFixture(
            "targets-with-custom-data-that-is-no-object",
            "signed.targets.x.custom: expected an object, found a number",
            pythonTUF: .accepts("it hands custom data on unread")
        ),
        HostileFixture(
            "targets-delegating-to-a-top-level-role",
            "signed.delegations.roles[0].name: \"snapshot\" can't be the name of a delegated role"
        ),
        HostileFixture(
            "targets-delegating-to-a-role-without-a-name",
            "signed.delegations.roles[0].name: \"\" can't be the name of a delegated role"
        ),
        HostileFixture(
            "targets-delegating-to-a-role-named-by-a-newline",
            "signed.delegations.roles[0].name: ",
            "can't be the name of a delegated role"
        ),
        HostileFixture(
            "targets-delegating-by-paths-and-prefixes",
            "signed.delegations.roles[0].paths: stands beside path_hash_prefixes, where one is allowed"
        ),
        HostileFixture(
            "targets-delegating-by-neither-paths-nor-prefixes",
            "signed.delegations.roles[0].paths: is missing, and so is path_hash_prefixes"
        ),
        HostileFixture(
            "targets-delegating-by-prefixes-that-are-no-digits",
            "signed.delegations.roles[0].path_hash_prefixes: expected lowercase hexadecimal digits"
        ),
        HostileFixture("targets-delegating-to-a-role-twice", "signed.delegations.roles: two roles are called team"),
        HostileFixture(
            "targets-delegating-by-a-threshold-of-zero",
            "signed.delegations.roles[0].threshold: 0 is outside 1 to"
        ),
        HostileFixture("targets-delegating-by-a-key-twice", "signed.delegations.roles[0].keyids: lists a key twice"),
        HostileFixture("targets-of-another-digest", "targets.json has another SHA-256 than signed metadata says"),
    ]

    private static let delegated: [HostileFixture] = [
        HostileFixture(
            "team-signed-by-its-delegator",
            "team version 3 is signed by 0 of the 2 keys that targets version 3 asks for (arbitrary software)"
        ),
        HostileFixture(
            "team-below-its-threshold",
            "team version 3 is signed by 1 of the 2 keys that targets version 3 asks for (arbitrary software)"
        ),
        HostileFixture(
            "team-whose-keys-were-taken-away",
            "team version 3 is signed by 0 of the 2 keys that targets version 3 asks for (arbitrary software)"
        ),
        HostileFixture(
            "team-of-another-version-than-listed",
            "team has version 2, but snapshot version 3 asks for version 3 (mix-and-match)"
        ),
        HostileFixture("team-that-is-missing", "the repository has no 3.team.json"),
        HostileFixture(
            "team-listing-what-it-is-not-trusted-with",
            "no role of the repository lists the target other/file.txt"
        ),
        HostileFixture(
            "team-listing-what-is-a-folder-too-deep",
            "no role of the repository lists the target team/x/file.txt"
        ),
        HostileFixture(
            "team-listing-a-path-that-leads-out",
            "no role of the repository lists the target team/../../file.txt",
            pythonTUF: .accepts(
                "it encodes the path as one file name; that is as safe, but nobody gets such a target from us"
            )
        ),
        HostileFixture("team-behind-a-terminating-role", "no role of the repository lists the target team/file.txt"),
        HostileFixture("team-delegating-in-circles", "no role of the repository lists the target team/nothing"),
        HostileFixture(
            "team-delegating-without-end",
            "the search for team/nothing ended after 32 roles, the most allowed"
        ),
        HostileFixture("team-that-is-expired", "team version 3 expired at ", "(freeze)"),
        HostileFixture("team-that-says-it-is-root", "team metadata is of type \"root\""),
        HostileFixture("team-of-another-digest", "team.json has another SHA-256 than signed metadata says"),
    ]

    private static let files: [HostileFixture] = [
        HostileFixture("file-with-other-contents", "team/file.txt has another SHA-256 than signed metadata says"),
        HostileFixture(
            "file-longer-than-listed",
            "team/file.txt is larger than the 32 bytes that are read of it (endless data)"
        ),
        HostileFixture("file-shorter-than-listed", "team/file.txt has 31 bytes, where signed metadata says 32"),
        HostileFixture("file-that-is-empty", "team/file.txt has 0 bytes, where signed metadata says 32"),
        HostileFixture("file-that-is-missing", "the repository has no team/"),
        HostileFixture(
            "file-with-no-digest-that-is-known",
            "metadata states neither a sha256 nor a sha512 of team/file.txt"
        ),
        HostileFixture(
            "file-with-a-right-and-a-wrong-digest",
            "team/file.txt has another SHA-512 than signed metadata says"
        ),
    ]

    private static let servers: [HostileFixture] = [
        HostileFixture("server-that-cuts-a-transfer-of-metadata", "broke off: ", "transfer closed"),
        HostileFixture("server-that-cuts-a-transfer-of-a-target", "broke off: ", "transfer closed"),
        HostileFixture(
            "server-that-never-ends-metadata",
            "timestamp.json is larger than the 16384 bytes that are read of it (endless data)"
        ),
        HostileFixture(
            "server-that-never-ends-a-root",
            "2.root.json is larger than the 512000 bytes that are read of it (endless data)"
        ),
        HostileFixture(
            "server-that-never-ends-a-target",
            "team/file.txt is larger than the 32 bytes that are read of it (endless data)"
        ),
        HostileFixture("server-that-redirects-in-circles", "broke off: ", "Maximum (5) redirects followed"),
        HostileFixture(
            "server-that-redirects-to-a-file",
            "broke off: ",
            "Protocol \"file\" not supported or disabled in libcurl"
        ),
        HostileFixture("server-that-fails-for-a-root", "the server answered 500"),
        HostileFixture("server-that-fails-for-a-snapshot", "the server answered 502"),
        HostileFixture(
            "server-that-is-busy-for-an-hour",
            "the server answered 503",
            "try again in 1 h",
            pythonTUF: .notAsked("its transport sleeps for as long as the server says")
        ),
        HostileFixture("server-that-speaks-no-http", "broke off: ", "Received HTTP/0.9 when not allowed"),
        HostileFixture("server-that-hangs-up", "broke off: ", "Empty reply from server"),
        HostileFixture("server-that-hides-a-snapshot", "the repository has no 3.snapshot.json"),
        HostileFixture(
            "server-that-compresses-unasked",
            "malformed JSON at byte 0: expected a value",
            pythonTUF: .accepts("its transport unpacks what it did not ask for, and finds what was signed")
        ),
    ]
}
