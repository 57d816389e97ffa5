import JSON
import Testing

private func basic(_ name: String, _ run: @escaping ConformanceCase.Body) -> ConformanceCase {
    ConformanceCase("test_basic.py::test_\(name)", run)
}

private let firstRequests = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]

extension ConformanceCase {
    static let basicCases: [ConformanceCase] = [
        basic("basic_refresh_requests") { bench in
            try bench.begin()
            #expect(bench.requests.isEmpty)
            #expect(try bench.refresh() == 0)
            #expect(bench.requests == firstRequests)
        },
        basic("basic_refresh_trusted_data") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            #expect(try bench.trustsLatest("root", "timestamp", "snapshot", "targets"))
            #expect(try bench.trustedVersions.count == 4)
        },
        basic("implicit_refresh") { bench in
            try bench.begin()
            #expect(try bench.download("nonexistent artifact") == 1)
            #expect(bench.requests == firstRequests)
            #expect(try bench.trustsLatest("root", "timestamp", "snapshot", "targets"))
        },
        basic("invalid_initial_root") { bench in
            try bench.repository.tamper("root") { $0.set(nil, "signed", "version") }
            try expectNothingWithoutATrustedRoot(bench)
        },
        basic("unsigned_initial_root") { bench in
            let stranger = try CaseSigner()
            try bench.repository.tamper("root") { document in
                let message = try #require(document["signed"]).canonicalBytes(.olpc)
                var signature = try #require(document["signatures"]?[0])
                signature.set(.string(try stranger.signature(of: message)), "sig")
                document.set([signature], "signatures")
            }
            try expectNothingWithoutATrustedRoot(bench)
        },
        basic("timestamp_content_changes") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            let old = try bench.trusted("timestamp")
            bench.repository.bodies["timestamp"]?.set(100, "meta", "snapshot.json", "version")
            bench.repository.begin("timestamp", anewAt: 1)
            try bench.repository.publish("timestamp")
            #expect(try bench.refresh() == 0)
            #expect(bench.requests.last == "timestamp.json")
            #expect(try bench.trusted("timestamp") == old)
        },
        basic("basic_metadata_hash_support") { bench in
            bench.repository.listsHashes = true
            try bench.repository.publish("targets", "snapshot", "timestamp")
            try bench.begin()
            #expect(try bench.refresh() == 0)
            #expect(try bench.trustsLatest("timestamp", "snapshot", "targets"))
        },
        basic("targets_hash_mismatch") { bench in
            bench.repository.listsHashes = true
            try bench.repository.publish("targets", "snapshot", "timestamp")
            try bench.begin()
            #expect(try bench.refresh() == 0)
            try bench.repository.publish("targets")
            bench.repository.bodies["snapshot"]?.set(.string(noDigest), "meta", "targets.json", "hashes", "sha256")
            try bench.repository.publish("snapshot", "timestamp")
            #expect(try bench.refresh() == 1)
            #expect(try bench.trustedVersions == ["root": 1, "timestamp": 3, "snapshot": 3, "targets": 2])
        },
        basic("snapshot_hash_mismatch") { bench in
            bench.repository.listsHashes = true
            try bench.repository.publish("snapshot", "timestamp")
            try bench.begin()
            #expect(try bench.refresh() == 0)
            try bench.repository.publish("snapshot")
            bench.repository.bodies["timestamp"]?.set(.string(noDigest), "meta", "snapshot.json", "hashes", "sha256")
            try bench.repository.publish("timestamp")
            #expect(try bench.refresh() == 1)
            #expect(try bench.trustedVersions == ["root": 1, "timestamp": 3, "snapshot": 2, "targets": 1])
        },
        basic("metadata_bytes_match") { bench in
            try bench.begin()
            let bytes = try bench.repository.withdraw("timestamp") + [UInt8(ascii: " ")]
            bench.repository.published["timestamp"]?.append(bytes)
            #expect(try bench.refresh() == 0)
            #expect(try bench.trusted("timestamp") == bytes)
        },
        basic("snapshot_404") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            bench.repository.bodies["timestamp"]?.set(2, "meta", "snapshot.json", "version")
            try bench.repository.publish("timestamp")
            #expect(try bench.refresh() == 1)
            #expect(bench.requests.last == "2.snapshot.json")
            #expect(try bench.trustedVersions == ["root": 1, "timestamp": 2, "snapshot": 1, "targets": 1])
        },
        basic("targets_404") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            bench.repository.bodies["snapshot"]?.set(2, "meta", "targets.json", "version")
            try bench.repository.publish("snapshot", "timestamp")
            #expect(try bench.refresh() == 1)
            #expect(bench.requests.last == "2.targets.json")
            #expect(try bench.trustedVersions == ["root": 1, "timestamp": 2, "snapshot": 2, "targets": 1])
        },
        basic("timestamp_404") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            bench.repository.published["timestamp"] = nil
            #expect(try bench.refresh() == 1)
            #expect(bench.requests.last == "timestamp.json")
        },
        basic("faketime") { bench in
            try bench.begin()
            bench.repository.expire("root", inDays: 7)
            try bench.repository.publish("root")
            #expect(try bench.refresh() == 0)
            #expect(try bench.refresh(at: bench.repository.daysFromNow(8)) == 1)
        },
    ]

    /// A role without a signature is refused; those before it in the workflow are kept.
    static let unsignedCases = [
        ("root", ["root": 1]),
        ("timestamp", ["root": 2]),
        ("snapshot", ["root": 2, "timestamp": 2]),
        ("targets", ["root": 2, "timestamp": 2, "snapshot": 2]),
    ].map { role, trusted in
        basic("unsigned_metadata[\(role)]") { bench in
            try bench.begin()
            bench.repository.signers[role]?.removeLast()
            try bench.repository.publish("root", "targets", "snapshot", "timestamp")
            #expect(try bench.refresh() == 1)
            #expect(try bench.trustedVersions == trusted)
        }
    }

    static let metadataCases: [ConformanceCase] =
        [
            ("root", ["root": 1]),
            ("snapshot", ["root": 2, "timestamp": 2]),
            ("targets", ["root": 2, "timestamp": 2, "snapshot": 2]),
        ].map { role, trusted in
            basic("url_and_metadata_version_mismatch[\(role)]") { bench in
                try bench.begin()
                bench.repository.setVersion(2, of: role)
                try bench.repository.publish("root", "targets", "snapshot", "timestamp")
                // It is called 2 and says that it is 3; what lists it asks for 2.
                let lister = role == "snapshot" ? "timestamp" : "snapshot"
                if role != "root" {
                    bench.repository.bodies[lister]?.set(2, "meta", "\(role).json", "version")
                    bench.repository.published[lister]?.removeLast()
                    bench.repository.setVersion(1, of: lister)
                    try bench.repository.publish(lister)
                }
                #expect(try bench.refresh() == 1)
                #expect(try bench.trustedVersions == trusted)
            }
        } + [
            basic("custom_fields") { bench in
                try bench.begin()
                #expect(try bench.refresh() == 0)
                var signer = try CaseSigner()
                signer.object.set(["a": 1, "b": 2], "extra-field")
                signer.rename()
                bench.repository.bodies["root"]?.set("value", "custom-field")
                try bench.repository.addKey(to: "root", signer)
                bench.repository.bodies["root"]?.set("value", "roles", "root", "another-field")
                try bench.repository.publish("root")
                #expect(try bench.refresh() == 0)
                #expect(try bench.trustsLatest("root"))
            },
            basic("deprecated_keyid_hash_algorithms") { bench in
                try bench.begin()
                bench.repository.removeKeys(of: "snapshot")
                var signer = try CaseSigner()
                signer.object.set("md5", "keyid_hash_algorithms")
                signer.rename()
                try bench.repository.addKey(to: "snapshot", signer)
                try bench.repository.publish("root", "snapshot", "timestamp")
                #expect(try bench.refresh() == 0)
                #expect(try bench.trustedVersions == ["root": 2, "timestamp": 2, "snapshot": 2, "targets": 1])
            },
            basic("incorrect_metadata_type") { bench in
                try bench.begin()
                // A snapshot that the timestamp's key signs too, and that reads as a timestamp in all but its type.
                try bench.repository.addKey(to: "snapshot", #require(bench.repository.signers["timestamp"]?.first))
                bench.repository.bodies["snapshot"]?.set(["snapshot.json": ["version": 1]], "meta")
                try bench.repository.publish("root", "snapshot")
                let snapshot = try bench.repository.withdraw("snapshot")
                bench.repository.published["timestamp"]?.append(snapshot)
                #expect(try bench.refresh() == 1)
                #expect(try bench.trustedVersions == ["root": 2])
            },
        ]
}

let noDigest = String(repeating: "0", count: 64)

private func expectNothingWithoutATrustedRoot(_ bench: CaseBench) throws {
    try bench.beginWithBadRoot()
    #expect(try bench.refresh() == 1)
    #expect(bench.requests.isEmpty)
}
