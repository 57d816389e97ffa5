internal import Deployment
internal import Digest
internal import FleetProtocol
package import JSON
package import WallClock

/// The fleet at a glance. Devices that were revoked or taken out are counted under ``members`` alone.
package struct FleetSummary: Sendable {
    /// How many devices get which answer, and for which reason.
    package struct Counts: Sendable {
        package fileprivate(set) var answers: [StatusAnswerKind: Int] = [:]
        package fileprivate(set) var reasons: [String: Int] = [:]

        fileprivate mutating func count(_ answer: StatusAnswerKind, _ reason: String) {
            answers[answer, default: 0] += 1
            reasons[reason, default: 0] += 1
        }

        package subscript(answer: StatusAnswerKind) -> Int { answers[answer] ?? 0 }

        fileprivate var json: JSONValue {
            .object(JSONObject(StatusAnswerKind.allCases.map { ($0.rawValue, .integer(self[$0])) }))
        }
    }

    package var now: UTCTime
    /// Enrolled ones.
    package var devices: Int
    package var members: [Membership: Int]
    package var reachable: Counts
    package var converged: Counts
    package var healthy: Counts
    /// Those that need somebody, the worst first, at most 20.
    package var attention: [DeviceStatus]
    /// How many need somebody.
    package var attentionCount: Int
}

extension FleetViews {
    private static let attentionRows = 20
    private static let endpointsShown = 100
    private static let bundlesOfEndpoint = 20

    package func summary() throws -> FleetSummary { try summary(try snapshot()) }

    private func summary(_ snapshot: FleetSnapshot) throws -> FleetSummary {
        var summary = FleetSummary(
            now: now,
            devices: 0,
            members: [:],
            reachable: .init(),
            converged: .init(),
            healthy: .init(),
            attention: [],
            attentionCount: 0
        )
        var troubled: [Int] = []
        for (index, verdict) in snapshot.verdicts.enumerated() {
            let membership = snapshot.devices[index].membership
            summary.members[membership, default: 0] += 1
            guard membership == .enrolled else { continue }
            summary.devices += 1
            summary.reachable.count(verdict.reachable.answer, verdict.reachable.code)
            summary.converged.count(verdict.converged.answer, verdict.converged.code)
            summary.healthy.count(verdict.healthy.answer, verdict.healthy.code)
            if verdict.severity >= DeviceVerdict.attention { troubled.append(index) }
        }
        summary.attentionCount = troubled.count
        summary.attention = try snapshot.worstFirst(troubled).prefix(Self.attentionRows).map { index in
            try status(index, of: snapshot)
        }
        return summary
    }

    package func overview() throws -> JSONValue {
        let snapshot = try snapshot()
        let summary = try summary(snapshot)
        return [
            "now": .moment(summary.now), "version": .string(fleetVersion), "devices": .integer(summary.devices),
            "members": .object(
                JSONObject(Membership.allCases.map { ($0.rawValue, .integer(summary.members[$0] ?? 0)) })
            ),
            "reachable": summary.reachable.json, "converged": summary.converged.json,
            "healthy": summary.healthy.json, "endpoints": .array(endpoints(snapshot)),
            "attention": .array(summary.attention.map(\.json)),
            "attentionCount": .integer(summary.attentionCount),
            "events": .array(try latestEvents().map(\.json)),
            "refusals": .array(try refusals().map(\.json)),
        ]
    }

    private struct EndpointTally {
        var devices = 0
        var running: [SHA256Digest: Int] = [:]
        var wanted: [SHA256Digest: Int] = [:]
        var reasons: [ConvergedReason: Int] = [:]

        mutating func count(running: SHA256Digest?, wanted: SHA256Digest?, _ reason: ConvergedReason) {
            devices += 1
            if let running { self.running[running, default: 0] += 1 }
            if let wanted { self.wanted[wanted, default: 0] += 1 }
            reasons[reason, default: 0] += 1
        }
    }

    private func endpoints(_ snapshot: FleetSnapshot) -> [JSONValue] {
        var tallies: [EndpointName: EndpointTally] = [:]
        for index in snapshot.devices.indices where snapshot.devices[index].membership == .enrolled {
            for (number, endpoint) in snapshot.devices[index].endpoints.enumerated() {
                tallies[endpoint.report.name, default: EndpointTally()].count(
                    running: endpoint.report.running?.digest,
                    wanted: endpoint.report.wanted?.digest,
                    snapshot.verdicts[index].endpoints[number].converged
                )
            }
        }
        let most = tallies.sorted { left, right in
            left.value.devices == right.value.devices
                ? left.key < right.key : left.value.devices > right.value.devices
        }
        return most.prefix(Self.endpointsShown).map { name, tally in
            [
                "name": .string(name.text), "devices": .integer(tally.devices),
                "bundles": .array(bundles(of: tally, snapshot)), "waiting": reasons(tally, .waiting),
                "failing": reasons(tally, .no),
            ]
        }
    }

    private func bundles(of tally: EndpointTally, _ snapshot: FleetSnapshot) -> [JSONValue] {
        let digests = Set(tally.running.keys).union(tally.wanted.keys).map { digest in
            (digest: digest, running: tally.running[digest] ?? 0, wanted: tally.wanted[digest] ?? 0)
        }
        let most = digests.sorted { left, right in
            let (first, second) = (max(left.running, left.wanted), max(right.running, right.wanted))
            return first == second ? left.digest < right.digest : first > second
        }
        return most.prefix(Self.bundlesOfEndpoint).map { entry in
            var object =
                (snapshot.bundles[entry.digest]?.report(entry.digest) ?? BundleReport(digest: entry.digest)).members
            object["running"] = .integer(entry.running)
            object["wanted"] = .integer(entry.wanted)
            return .object(object)
        }
    }

    private func reasons(_ tally: EndpointTally, _ answer: StatusAnswerKind) -> JSONValue {
        let counted = tally.reasons.filter { $0.key.answer == answer }.map { ($0.key.code, $0.value) }
        return .array(
            counted.sorted { $0.1 == $1.1 ? $0.0 < $1.0 : $0.1 > $1.1 }.map { reason, count in
                ["reason": .string(reason), "count": .integer(count)]
            }
        )
    }
}

extension BundleReport {
    var members: JSONObject { json.objectValue ?? [:] }
}
