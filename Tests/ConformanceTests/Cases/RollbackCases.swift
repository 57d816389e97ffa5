import Testing

private func rollback(_ name: String, _ run: @escaping ConformanceCase.Body) -> ConformanceCase {
    ConformanceCase("test_rollback.py::test_\(name)", run)
}

extension ConformanceCase {
    static let rollbackCases: [ConformanceCase] =
        [
            rollback("new_timestamp_version_rollback") { bench in
                try bench.begin()
                try bench.repository.publish("timestamp")
                #expect(try bench.refresh() == 0)
                #expect(try bench.version("timestamp") == 2)
                bench.repository.begin("timestamp", anewAt: 1)
                try bench.repository.publish("timestamp")
                #expect(try bench.refresh() == 1)
                #expect(try bench.version("timestamp") == 2)
                #expect(bench.requests.last == "timestamp.json")
            },
            rollback("targets_role_removal") { bench in
                try bench.begin()
                try bench.repository.delegate(to: "delegated", paths: ["delegatedpath/*"])
                try bench.repository.publish("delegated", "targets", "snapshot", "timestamp")
                #expect(try bench.refresh() == 0)
                bench.repository.bodies["snapshot"]?.set(nil, "meta", "delegated.json")
                try bench.repository.publish("snapshot", "timestamp")
                #expect(try bench.refresh() == 1)
                #expect(try bench.version("snapshot") == 2)
            },
            rollback("targets_fast_forward_recovery") { bench in
                try bench.begin()
                try bench.repository.delegate(to: "delegated", paths: ["delegatedpath/*"])
                try bench.repository.publish("delegated")
                for _ in 0..<99 { try bench.repository.publish("targets") }
                try bench.repository.publish("snapshot", "timestamp")
                #expect(try bench.refresh() == 0)
                #expect(try bench.version("targets") == 100)
                try bench.repository.rotateKey(of: "snapshot")
                bench.repository.begin("targets", anewAt: 1)
                bench.repository.bodies["snapshot"]?.set(nil, "meta", "delegated.json")
                try bench.repository.publish("root", "targets", "snapshot", "timestamp")
                #expect(try bench.refresh() == 0)
                #expect(try bench.version("targets") == 1)
            },
            rollback("new_snapshot_fast_forward_recovery") { bench in
                try bench.begin()
                for _ in 0..<99 { try bench.repository.publish("snapshot") }
                try bench.repository.publish("timestamp")
                #expect(try bench.refresh() == 0)
                #expect(try bench.version("snapshot") == 100)
                try bench.repository.rotateKey(of: "snapshot")
                try bench.repository.rotateKey(of: "timestamp")
                bench.repository.begin("snapshot", anewAt: 1)
                try bench.repository.publish("root", "targets", "snapshot", "timestamp")
                #expect(try bench.refresh() == 0)
                #expect(try bench.version("snapshot") == 1)
            },
            rollback("new_timestamp_fast_forward_recovery") { bench in
                try bench.begin()
                for _ in 0..<99 { try bench.repository.publish("timestamp") }
                #expect(try bench.refresh() == 0)
                #expect(try bench.version("timestamp") == 100)
                try bench.repository.rotateKey(of: "timestamp")
                bench.repository.begin("timestamp", anewAt: 1)
                try bench.repository.publish("root", "timestamp")
                #expect(try bench.refresh() == 0)
                #expect(try bench.version("timestamp") == 1)
            },
        ]
        + [("basic", false), ("with hashes", true)].flatMap { name, listsHashes in
            [
                rollback("snapshot_rollback[\(name)]") { bench in
                    try bench.begin()
                    bench.repository.listsHashes = listsHashes
                    try bench.repository.publish("snapshot", "timestamp")
                    #expect(try bench.refresh() == 0)
                    bench.repository.begin("snapshot", anewAt: 1)
                    try bench.repository.publish("snapshot", "timestamp")
                    #expect(try bench.refresh() == 1)
                    #expect(try bench.trustedVersions == ["root": 1, "timestamp": 2, "snapshot": 2, "targets": 1])
                    #expect(bench.requests.last == "timestamp.json")
                },
                rollback("targets_rollback[\(name)]") { bench in
                    try bench.begin()
                    bench.repository.listsHashes = listsHashes
                    try bench.repository.publish("targets", "snapshot", "timestamp")
                    #expect(try bench.refresh() == 0)
                    bench.repository.begin("targets", anewAt: 1)
                    try bench.repository.publish("targets", "snapshot", "timestamp")
                    #expect(try bench.refresh() == 1)
                    #expect(try bench.trustedVersions == ["root": 1, "timestamp": 3, "snapshot": 2, "targets": 2])
                },
            ]
        }
}
