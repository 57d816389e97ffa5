import CommandLine
import Deployment
import Diagnostics
import Fleet
import FleetProtocol
import JSON
import WallClock

/// `edgefleet device show`.
enum DeviceShowCommand {
    static let command = Command(
        "show",
        summary: "show all that is known of a device",
        examples: [Example("One device", "edgefleet device show box-1 --data fleet")],
        arguments: [FleetParameters.device],
        options: [FleetParameters.data, FleetParameters.json],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: run
    )

    /// What happened, below the device: so much of it, and out of so many events.
    private static let happenings = 15
    private static let events = 500

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let store = try FleetParameters.store(arguments)
        let views = FleetParameters.views(store)
        let device = arguments[FleetParameters.device]
        guard let status = try views.status(of: device) else { throw FleetStoreError.unknownDevice(device.text) }
        if arguments[FleetParameters.json] {
            try Printing.json(try views.device(device) ?? .null, terminal)
            return .done
        }
        try Printing.facts(facts(status, try store.certificates(of: device).map(\.notAfter).max()), terminal)
        try terminal.writeLine()
        try DeviceRows.answers(
            [("reachable", status.reachable), ("converged", status.converged), ("healthy", status.healthy)],
            terminal
        )
        for endpoint in status.endpoints {
            try terminal.writeLine()
            try Printing.facts(self.endpoint(endpoint), terminal)
        }
        let query = try EventQuery([("device", device.text), ("limit", String(events))])
        let happened = Happening.all(of: try views.eventRecords(query)).prefix(happenings)
        guard !happened.isEmpty else { return .done }
        try terminal.writeLine()
        for happening in happened.reversed() {
            try terminal.writeLine("\(happening.received)  \(happening.told)".printable())
        }
        return .done
    }

    private static func facts(_ status: DeviceStatus, _ expiry: UTCTime?) -> [(String, String)] {
        let record = status.record
        var facts: [(String, String)] = [
            ("device", record.device.text),
            (
                "membership",
                record.membership == .enrolled
                    ? "enrolled since \(record.enrolled)"
                    : "\(record.membership.rawValue); enrolled at \(record.enrolled)"
            ),
        ]
        if !record.labels.isEmpty { facts.append(("labels", Printing.labels(record.labels))) }
        if let expiry { facts.append(("certificate", "good until \(expiry)")) }
        guard let report = record.report else { return facts }
        if !report.labels.isEmpty { facts.append(("own labels", Printing.labels(report.labels))) }
        let box = report.facts
        let system = [box.system, box.machine, box.kernel].filter { !$0.isEmpty }.joined(separator: ", ")
        let memory = Quantity.readable(bytes: box.memoryBytes)
        facts.append(("system", "\(system); \(Printing.count(box.processors, "processor")), \(memory)"))
        facts.append(("agent", "\(box.agent), up \(Quantity.readable(.seconds(box.uptime)))"))
        let channel = report.channel.map { "channel \($0.rawValue)" } ?? "no channel"
        let metadata = report.metadata.map { "metadata \($0.timestampVersion) verified \($0.verified)" }
        facts.append(("follows", "\(channel), \(metadata ?? "no metadata verified yet")"))
        facts.append(("last seen", "\(report.lastSeen) from \(report.address), every \(report.interval) s"))
        if !report.moment.isTrusted {
            facts.append(("clock", "not trusted by the box itself: at least \(report.moment.time) then"))
        }
        if report.lost.records > 0 {
            facts.append(("lost", "\(Printing.count(report.lost.records, "record")) that it had no room to keep"))
        }
        return facts
    }

    private static func endpoint(_ endpoint: DeviceStatus.Endpoint) -> [(String, String)] {
        let report = endpoint.record.report
        func bundle(_ bundle: BundleReport?) -> String {
            guard let bundle else { return "nothing" }
            let serial = bundle.serial.map { ", deployment \($0)" } ?? ""
            return "\(DeviceRows.title(bundle)) (\(DeviceRows.short(bundle))\(serial))"
        }
        let containment = report.containment.map { ", containment \($0)" } ?? ""
        var facts: [(String, String)] = [
            ("endpoint", "\(report.name) at \(report.listen)\(containment)"), ("runs", bundle(report.running)),
            ("wants", bundle(report.wanted)),
        ]
        if report.previous != nil { facts.append(("before", bundle(report.previous))) }
        let since = report.since.map { " since \($0)" } ?? ""
        facts.append(("update", report.state + since + (report.result.map { "; last result \($0)" } ?? "")))
        if let counters = report.counters, counters.requests == 0 {
            facts.append(("served", "no request yet"))
        } else if let counters = report.counters {
            let restarts = counters.restarts == 0 ? "" : ", \(Printing.count(counters.restarts, "restart"))"
            facts.append(
                (
                    "served",
                    "\(Printing.count(counters.requests, "request")), \(Printing.count(counters.errors, "error"))\(restarts); "
                        + "p50 \(Quantity.readable(.microseconds(counters.p50Microseconds))), "
                        + "p99 \(Quantity.readable(.microseconds(counters.p99Microseconds)))"
                )
            )
        }
        return facts
    }
}
