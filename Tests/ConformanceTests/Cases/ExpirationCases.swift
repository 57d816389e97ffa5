import Testing

private func expiration(_ name: String, _ run: @escaping ConformanceCase.Body) -> ConformanceCase {
    ConformanceCase("test_expiration.py::test_\(name)", run)
}

extension ConformanceCase {
    static let expirationCases: [ConformanceCase] = [
        expiration("root_expired") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            try bench.repository.publish("root")
            #expect(try bench.refresh() == 0)
            bench.repository.expire("root", inDays: -1)
            try bench.repository.publish("root", "targets", "snapshot", "timestamp")
            #expect(try bench.refresh() == 1)
            #expect(try bench.trustedVersions == ["root": 3, "timestamp": 1, "snapshot": 1, "targets": 1])
        },
        expiration("timestamp_expired") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            bench.repository.expire("timestamp", inDays: -5)
            try bench.repository.publish("timestamp")
            #expect(try bench.refresh() == 1)
            #expect(try bench.trustedVersions == ["root": 1, "timestamp": 1, "snapshot": 1, "targets": 1])
        },
        expiration("snapshot_expired") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            bench.repository.expire("snapshot", inDays: -5)
            try bench.repository.publish("snapshot", "timestamp")
            #expect(try bench.refresh() == 1)
            #expect(try bench.trustedVersions == ["root": 1, "timestamp": 2, "snapshot": 1, "targets": 1])
        },
        expiration("targets_expired") { bench in
            try bench.begin()
            #expect(try bench.refresh() == 0)
            bench.repository.expire("targets", inDays: -5)
            try bench.repository.publish("targets", "snapshot", "timestamp")
            #expect(try bench.refresh() == 1)
            #expect(try bench.trustedVersions == ["root": 1, "timestamp": 2, "snapshot": 2, "targets": 1])
        },
        expiration("expired_local_root") { bench in
            try bench.begin()
            bench.repository.expire("root", inDays: 7)
            try bench.repository.publish("root")
            #expect(try bench.refresh() == 0)
            bench.repository.expire("root", inDays: 21)
            try bench.repository.publish("root")
            #expect(try bench.refresh(at: bench.repository.daysFromNow(18)) == 0)
            #expect(try bench.version("root") == 3)
        },
        expiration("expired_local_timestamp") { bench in
            try bench.begin()
            bench.repository.expire("timestamp", inDays: 7)
            try bench.repository.publish("timestamp")
            #expect(try bench.refresh() == 0)
            bench.repository.expire("timestamp", inDays: 21)
            try bench.repository.publish("targets", "snapshot", "timestamp")
            #expect(try bench.refresh(at: bench.repository.daysFromNow(18)) == 0)
            #expect(try bench.trustedVersions == ["root": 1, "timestamp": 3, "snapshot": 2, "targets": 2])
        },
    ]
}
