import JSON
import Testing

private func keys(_ name: String, _ run: @escaping ConformanceCase.Body) -> ConformanceCase {
    ConformanceCase("test_keys.py::test_\(name)", run)
}

extension ConformanceCase {
    static let keyCases: [ConformanceCase] =
        [
            keys("snapshot_does_not_meet_threshold") { bench in
                try bench.begin()
                bench.repository.setThreshold(3, of: "snapshot")
                for _ in 0..<2 { try bench.repository.addKey(to: "snapshot") }
                try bench.repository.publish("root", "targets", "snapshot", "timestamp")
                #expect(try bench.refresh() == 0)
                bench.repository.signers["snapshot"]?.removeLast()
                try bench.repository.publish("targets", "snapshot", "timestamp")
                #expect(try bench.refresh() == 1)
                #expect(try bench.trustedVersions == ["root": 2, "timestamp": 3, "snapshot": 2, "targets": 2])
            },
            keys("snapshot_has_too_few_keys") { bench in
                try bench.begin()
                for _ in 0..<4 { try bench.repository.addKey(to: "snapshot") }
                bench.repository.setThreshold(6, of: "snapshot")
                try bench.repository.publish("root", "snapshot", "timestamp")
                #expect(try bench.refresh() == 1)
                #expect(try bench.trustedVersions == ["root": 2, "timestamp": 2])
            },
            keys("duplicate_keys") { bench in
                try bench.begin()
                let signer = try CaseSigner()
                try bench.repository.addKey(to: "snapshot", signer)
                bench.repository.setThreshold(6, of: "snapshot")
                try bench.repository.publish("root", "snapshot", "timestamp")
                try bench.repository.tamper("snapshot") { document in
                    let signature = try #require(document["signatures"]?[1])
                    for _ in 0..<8 { document.append(signature, to: "signatures") }
                }
                #expect(try bench.refresh() == 1)
                #expect(try bench.version("snapshot") == nil)
                // The suite lists the key once in fact, though it adds it nine times. Nine times it is:
                for _ in 0..<8 { bench.repository.list(signer, for: "snapshot") }
                try bench.repository.publish("root")
                #expect(try bench.refresh() == 1)
                #expect(try bench.version("snapshot") == nil)
            },
            keys("duplicate_sig_keyids") { bench in
                try bench.begin()
                try bench.repository.tamper("snapshot") { document in
                    document.append(try #require(document["signatures"]?[0]), to: "signatures")
                }
                #expect(try bench.refresh() == 1)
                #expect(try bench.version("snapshot") == nil)
            },
            keys("invalid_sig_in_valid_metadata") { bench in
                try bench.begin()
                let first = try JSONValue.parse(
                    try #require(bench.repository.published["timestamp"]?.first),
                    limits: .document
                )
                let old = try #require(first["signatures"]?[0]?["sig"]?.stringValue)
                try bench.repository.addKey(to: "timestamp")
                try bench.repository.publish("root")
                for signature in [old, ""] {
                    try bench.repository.publish("timestamp")
                    try bench.repository.tamper("timestamp") { document in
                        var signatures = try #require(document["signatures"]?.arrayValue)
                        signatures[0].set(.string(signature), "sig")
                        document.set(.array(signatures), "signatures")
                    }
                    #expect(try bench.refresh() == 0)
                    #expect(try bench.trustsLatest("timestamp"))
                }
            },
        ]
        + [
            ("rsa/rsassa-pss-sha256", .rsa), ("ecdsa/ecdsa-sha2-nistp256", .ecdsa), ("ed25519/ed25519", .ed25519),
        ].map { (name: String, kind: CaseSigner.Kind) in
            keys("keytype_and_scheme[\(name)]") { bench in
                try bench.begin()
                let signer = try CaseSigner(kind, in: bench.folder)
                try bench.repository.addKey(to: "root", signer)
                bench.repository.setThreshold(2, of: "root")
                try bench.repository.publish("root")
                #expect(try bench.refresh() == 0)
                #expect(try bench.trustsLatest("root"))
                // A signature of the key, but of something else.
                try bench.repository.publish("root")
                try bench.repository.tamper("root") { document in
                    var signatures = try #require(document["signatures"]?.arrayValue)
                    #expect(signatures[1]["keyid"]?.stringValue == signer.id)
                    signatures[1].set(.string(try signer.signature(of: [1, 2, 3])), "sig")
                    document.set(.array(signatures), "signatures")
                }
                #expect(try bench.refresh() == 1)
                #expect(try bench.version("root") == 2)
            }
        }

    static let quotingCases = [
        ("?", "%3F"), ("#", "%23"), ("/delegatedrole", "%2Fdelegatedrole"), ("../delegatedrole", "..%2Fdelegatedrole"),
    ].map { role, quoted in
        ConformanceCase("test_quoting_issues.py::test_unusual_role_name[\(role)]") { bench in
            try bench.repository.delegate(to: role)
            try bench.repository.publish(role, "targets", "snapshot", "timestamp")
            try bench.begin()
            #expect(try bench.download("nonexistent target") == 1)
            #expect(bench.requests.contains("1.\(quoted).json"))
            #expect(try bench.trustedVersions.count == 5)
            #expect(try bench.trustsLatest(role))
        }
    }
}
