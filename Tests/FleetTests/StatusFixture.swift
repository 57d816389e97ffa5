import Deployment
import Digest
import FleetProtocol
import WallClock

@testable import Fleet

/// Devices as the status tests need them.
enum StatusFixture {
    static let now = at("2026-11-20T12:00:00Z")

    static func at(_ text: String) -> UTCTime { UTCTime(text) ?? UTCTime(seconds: 0) }

    static func ago(_ seconds: Int) -> UTCTime { now.advanced(by: .seconds(-seconds)) }

    static func id(_ text: String) -> DeviceID {
        guard let id = DeviceID(text) else { preconditionFailure("no id: \(text)") }
        return id
    }

    static func endpoint(_ text: String) -> EndpointName {
        guard let name = EndpointName(text) else { preconditionFailure("no endpoint: \(text)") }
        return name
    }

    static func bundle(_ version: Int, name: String? = "digits", serial: Int? = nil) -> BundleReport {
        BundleReport(
            digest: SHA256.digest([UInt8(truncatingIfNeeded: version)]),
            name: name,
            version: name == nil ? nil : "\(version)",
            serial: serial ?? version
        )
    }

    static func report(
        _ name: String = "digits",
        running: BundleReport? = bundle(2),
        wanted: BundleReport? = bundle(2),
        previous: BundleReport? = nil,
        state: String = "Idle",
        result: String? = nil,
        sentence: String? = nil,
        counters: EndpointReport.Counters? = nil
    ) -> EndpointReport {
        var report = EndpointReport(name: endpoint(name), listen: "127.0.0.1:8080", state: state)
        report.running = running
        report.wanted = wanted
        report.previous = previous
        report.result = result
        report.sentence = sentence
        report.counters = counters
        return report
    }

    static func counters(_ requests: Int, _ errors: Int, restarts: Int = 0) -> EndpointReport.Counters {
        .init(requests: requests, errors: errors, restarts: restarts, p50Microseconds: 80, p99Microseconds: 900)
    }

    /// As the store makes it of a report.
    static func record(_ report: EndpointReport, since: Int = 600) -> EndpointRecord {
        EndpointRecord(
            report: report,
            converged: EndpointJudgement.converged(report),
            convergedSince: ago(since),
            healthy: EndpointJudgement.healthy(report, before: nil),
            healthySince: ago(since)
        )
    }

    static func device(
        _ name: String = "line-3",
        _ reports: [EndpointReport] = [report()],
        seen: Int = 10,
        membership: Membership = .enrolled,
        labels: [String: String] = [:],
        configure: (inout CheckIn) -> Void = { _ in }
    ) -> DeviceRecord {
        var checkIn = CheckIn(
            device: id(name),
            boot: "0f3c",
            sequence: 12,
            moment: .init(now, isTrusted: true),
            facts: .init(agent: "0.4.0")
        )
        checkIn.channel = .prod
        checkIn.metadata = .init(timestampVersion: 8, verified: ago(60), source: "repository")
        configure(&checkIn)
        return DeviceRecord(
            row: 1,
            device: id(name),
            membership: membership,
            enrolled: ago(86_400),
            labels: labels,
            report: DeviceReport(
                checkIn,
                lastSeen: ago(seen),
                reachableSince: ago(seen + 3600),
                address: "10.0.0.7"
            ),
            endpoints: reports.map { record($0) }
        )
    }

    static func status(_ record: DeviceRecord, newest: Int = 8) -> DeviceStatus {
        DeviceStatus(record, now: now, newest: NewestMetadata(version: newest, device: id("line-9")))
    }

    static let results: [UpdateResult] =
        [
            .successful, .alreadyInstalled, .noDeployment, .ambiguous,
            .incompatible(subject: "bundle", feature: "aarch64"), .rejected, .failedNoStateChange,
            .failedRollbackComplete, .failedUnableToRollBack, .timedOut, .superseded,
        ] + WaitingReason.allCases.map { .waitingFor($0) }
}
