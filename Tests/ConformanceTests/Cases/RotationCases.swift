import JSON
import Testing

/// One version of a role: which of ten keys it has, how many must sign, and which do.
private struct Version: Sendable {
    let keys: [Int]
    let threshold: Int
    let signers: [Int]
    var isAccepted = true

    init(_ keys: [Int], _ threshold: Int, by signers: [Int], isAccepted: Bool = true) {
        (self.keys, self.threshold, self.signers, self.isAccepted) = (keys, threshold, signers, isAccepted)
    }
}

private let five = [0, 1, 2, 3, 4]
private let otherFive = [0, 1, 3, 4, 5]

private let rootRotations: [(name: String, versions: [Version])] = [
    ("1-of-1-key-rotation", [Version([1], 1, by: [1]), Version([2], 1, by: [2, 1]), Version([2], 1, by: [2])]),
    (
        "1-of-1-key-rotation-unused-signatures",
        [
            Version([1], 1, by: [3, 1, 4]), Version([2], 1, by: [3, 2, 1, 4]), Version([2], 1, by: [3, 2, 4]),
        ]
    ),
    (
        "3-of-5-sign-with-different-keycombos",
        [
            Version(five, 3, by: [0, 2, 4]), Version(five, 3, by: [0, 4, 1]), Version(five, 3, by: [0, 1, 3]),
            Version(five, 3, by: [0, 1, 3]),
        ]
    ),
    ("3-of-5-one-key-rotated", [Version(five, 3, by: [0, 2, 4]), Version(otherFive, 3, by: [0, 4, 1])]),
    (
        "3-of-5-one-key-rotated-with-intermediate-step",
        [
            Version(five, 3, by: [0, 2, 4]), Version(otherFive, 3, by: [0, 2, 4, 5]),
            Version(otherFive, 3, by: [0, 4, 5]),
        ]
    ),
    (
        "3-of-5-all-keys-rotated-with-intermediate-step",
        [
            Version(five, 3, by: [0, 2, 4]), Version([5, 6, 7, 8, 9], 3, by: [0, 2, 4, 5, 6, 7]),
            Version([5, 6, 7, 8, 9], 3, by: [5, 6, 7]),
        ]
    ),
    (
        "1-of-3-threshold-increase-to-2-of-3",
        [Version([1, 2, 3], 1, by: [1]), Version([1, 2, 3], 2, by: [1, 2])]
    ),
    (
        "2-of-3-threshold-decrease-to-1-of-3",
        [Version([1, 2, 3], 2, by: [1, 2]), Version([1, 2, 3], 1, by: [1, 2]), Version([1, 2, 3], 1, by: [1])]
    ),
    ("1-of-2-threshold-increase-to-2-of-2", [Version([1], 1, by: [1]), Version([1, 2], 2, by: [1, 2])]),
    (
        "1-of-1-key-rotation-fail-not-signed-with-old-key",
        [Version([1], 1, by: [1]), Version([2], 1, by: [2, 3, 4], isAccepted: false)]
    ),
    (
        "1-of-1-key-rotation-fail-not-signed-with-new-key",
        [Version([1], 1, by: [1]), Version([2], 1, by: [1, 3, 4], isAccepted: false)]
    ),
    (
        "3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys",
        [Version(five, 3, by: [0, 2, 4]), Version(otherFive, 3, by: [0, 2, 4], isAccepted: false)]
    ),
    (
        "3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys",
        [Version(five, 3, by: [0, 2, 4]), Version(otherFive, 3, by: [0, 4, 5], isAccepted: false)]
    ),
    (
        "1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached",
        [Version([1, 2, 3], 1, by: [1]), Version([1, 2, 3], 2, by: [2], isAccepted: false)]
    ),
    (
        // The suite's spelling.
        "2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-eached",
        [Version([1, 2, 3], 2, by: [1, 2]), Version([1, 2, 3], 1, by: [1], isAccepted: false)]
    ),
]

private let roleRotations: [(name: String, version: Version)] = [
    ("1-of-1-key-rotation", Version([2], 1, by: [2])),
    ("1-of-1-key-rotation-unused-signatures", Version([1], 1, by: [3, 1, 4])),
    ("1-of-1-key-rotation-fail-not-signed-with-new-key", Version([2], 1, by: [1, 3, 4], isAccepted: false)),
    (
        "3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys",
        Version(otherFive, 3, by: [0, 2, 4], isAccepted: false)
    ),
    (
        // The suite's spelling.
        "2-of-5-one-key-signature-mising-threshold-not-reached",
        Version(otherFive, 3, by: [0, 4], isAccepted: false)
    ),
    ("3-of-5-sign-first-combo", Version(five, 3, by: [0, 2, 4])),
    ("3-of-5-sign-second-combo", Version(five, 3, by: [0, 4, 1])),
    ("3-of-5-sign-third-combo", Version(five, 3, by: [0, 1, 3])),
    ("3-of-5-sign-fourth-combo", Version(five, 3, by: [1, 2, 3])),
    ("3-of-5-sign-fifth-combo", Version(five, 3, by: [2, 3, 4])),
]

extension SimulatedRepository {
    fileprivate mutating func setKeys(of role: String, _ version: Version, _ keys: [CaseSigner]) {
        removeKeys(of: role)
        setThreshold(version.threshold, of: role)
        for index in version.keys { list(keys[index], for: role) }
        signers[role] = version.signers.map { keys[$0] }
    }
}

private func rotation(_ name: String, _ run: @escaping ConformanceCase.Body) -> ConformanceCase {
    ConformanceCase("test_updater_key_rotations.py::test_\(name)", run)
}

extension ConformanceCase {
    static let rootRotationCases = rootRotations.map { rotated in
        rotation("root_rotation[\(rotated.name)]") { bench in
            let keys = try (0..<10).map { _ in try CaseSigner() }
            bench.repository.begin("root", anewAt: 1)
            for version in rotated.versions {
                bench.repository.setKeys(of: "root", version, keys)
                try bench.repository.publish("root")
            }
            try bench.repository.publish("targets", "snapshot", "timestamp")
            let roots = try #require(bench.repository.published["root"])
            try bench.begin(with: roots[0])
            // Only the last may be one that is refused; the one before it stays.
            let isAccepted = try #require(rotated.versions.last).isAccepted
            #expect(try bench.refresh() == (isAccepted ? 0 : 1))
            #expect(try bench.trusted("root") == roots[roots.count - (isAccepted ? 1 : 2)])
        }
    }

    static let roleRotationCases = roleRotations.map { rotated in
        rotation("non_root_rotations[\(rotated.name)]") { bench in
            try bench.begin()
            let keys = try (0..<10).map { _ in try CaseSigner() }
            for role in ["timestamp", "snapshot", "targets"] {
                bench.repository.setKeys(of: role, rotated.version, keys)
                try bench.repository.publish("root", "targets", "snapshot", "timestamp")
                #expect(try bench.refresh() == (rotated.version.isAccepted ? 0 : 1))
                #expect(try bench.trustsLatest(role) == rotated.version.isAccepted)
            }
        }
    }
}
