internal import Deployment
internal import Diagnostics
internal import FleetProtocol
internal import HTTPServer
internal import JSON
internal import Telemetry
internal import WallClock

// What enrolled boxes send.
extension DeviceService {
    func checkIn(_ exchange: HTTPExchange, _ identity: Identity, address: String) throws(FleetProblem) {
        let bytes = try body(of: exchange, for: .checkIn)
        let checkIn: CheckIn
        do throws(JSONError) {
            checkIn = try CheckIn(bytes)
        } catch {
            throw FleetProblem(.malformed, error.message)
        }
        guard checkIn.device == identity.device else {
            throw Self.mismatch(checkIn.device.text, identity)
        }
        let moment = now()
        let received = FleetStore.Received(checkIn: checkIn, row: identity.row, at: moment, address: address)
        let acknowledged = checkIn.sequence
        let job = IngestQueue.Job.checkIn(received) { [self] result in
            do {
                let known = try result.get()
                // It may have been revoked since it was let in; then nothing was written.
                try Self.check(known.membership, of: identity.device)
                let reply = CheckInReply(
                    acknowledged: acknowledged,
                    interval: settings.interval,
                    labels: known.labels,
                    now: moment
                )
                respond(exchange, reply.json)
            } catch {
                refuse(exchange, unavailable(error), address: address, device: identity.device)
            }
        }
        try submit(job, cost: bytes.count)
    }

    func metrics(_ exchange: HTTPExchange, _ identity: Identity, address: String) throws(FleetProblem) {
        let type = BodyType(exchange.header("Content-Type") ?? "") ?? .json
        let bytes = try body(of: exchange, for: .metrics)
        let export: MetricsExport
        do throws(OTLPError) {
            export = type == .json ? try MetricsExport(json: bytes) : try MetricsExport(protobuf: bytes)
        } catch {
            throw Self.unreadable(error)
        }
        for resource in export.resources { try Self.check(resource.attributes, identity) }
        let intake = MetricsIntake(export, now: now())
        let job = IngestQueue.Job.metrics(row: identity.row, intake.series) { [self] result in
            var outcome = intake.outcome
            do {
                outcome.add(
                    try result.get(),
                    of: export.pointCount,
                    because: "the fleet keeps no more series of a device"
                )
                respond(exchange, outcome.response, type, .metrics)
            } catch {
                refuse(exchange, unavailable(error), address: address, device: identity.device)
            }
        }
        try submit(job, cost: bytes.count + export.pointCount * Self.valueBytes)
    }

    func logs(_ exchange: HTTPExchange, _ identity: Identity, address: String) throws(FleetProblem) {
        let type = BodyType(exchange.header("Content-Type") ?? "") ?? .json
        let bytes = try body(of: exchange, for: .logs)
        let export: LogsExport
        do throws(OTLPError) {
            export = type == .json ? try LogsExport(json: bytes) : try LogsExport(protobuf: bytes)
        } catch {
            throw Self.unreadable(error)
        }
        for resource in export.resources { try Self.check(resource.attributes, identity) }
        let intake = LogsIntake(export, now: now())
        let job = IngestQueue.Job.logs(row: identity.row, intake.lines) { [self] result in
            var outcome = intake.outcome
            do {
                outcome.add(
                    try result.get(),
                    of: export.recordCount,
                    because: "the fleet keeps no more lines of a device"
                )
                respond(exchange, outcome.response, type, .logs)
            } catch {
                refuse(exchange, unavailable(error), address: address, device: identity.device)
            }
        }
        try submit(job, cost: bytes.count + export.recordCount * Self.valueBytes)
    }

    /// What a point or a line takes while it waits, besides its text: a few bytes on the wire become that many.
    private static let valueBytes = 256

    private func respond(
        _ exchange: HTTPExchange,
        _ response: ExportResponse,
        _ type: BodyType,
        _ signal: ExportResponse.Signal
    ) {
        let body = type == .json ? response.json(of: signal).compactBytes() : response.protobufBytes()
        exchange.respond(.ok, contentType: type.contentType, body: body)
    }

    private static func unreadable(_ error: OTLPError) -> FleetProblem {
        if case .overLimit = error { return FleetProblem(.tooLarge, error.message, hint: error.hint) }
        return FleetProblem(.malformed, error.message, hint: error.hint)
    }

    /// A resource may leave the device out, and name no other.
    private static func check(_ attributes: [TelemetryAttribute], _ identity: Identity) throws(FleetProblem) {
        for attribute in attributes where attribute.key == "device.id" {
            guard attribute.value.stringValue == identity.device.text else {
                throw mismatch(attribute.value.stringValue ?? "something that is no text", identity)
            }
        }
    }

    private static func mismatch(_ named: String, _ identity: Identity) -> FleetProblem {
        FleetProblem(
            .deviceMismatch,
            "the body is of the device \(named.quotedName), the certificate of \(identity.device)",
            hint: "a device speaks for itself alone"
        )
    }
}
