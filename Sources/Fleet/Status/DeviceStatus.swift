internal import Deployment
internal import FleetProtocol
package import WallClock

/// The three answers about a device, and about each of its endpoints.
package struct DeviceStatus: Sendable {
    package struct Endpoint: Sendable {
        package var record: EndpointRecord
        package var converged: StatusAnswer
        package var healthy: StatusAnswer
    }

    package var record: DeviceRecord
    package var reachable: StatusAnswer
    /// As its worst endpoint.
    package var converged: StatusAnswer
    /// As its worst endpoint; one that has nothing to serve is left out.
    package var healthy: StatusAnswer
    /// In the order of the record's.
    package var endpoints: [Endpoint]

    /// - Parameter newest: the newest metadata of the device's channel.
    package init(_ record: DeviceRecord, now: UTCTime, newest: NewestMetadata?) {
        self.init(record, DeviceVerdict(record, now: now, newest: newest), now: now, newest: newest)
    }

    init(_ record: DeviceRecord, _ verdict: DeviceVerdict, now: UTCTime, newest: NewestMetadata?) {
        self.record = record
        let words = StatusWords(record: record, verdict: verdict, newest: newest)
        let reachable = words.reachable
        self.reachable = reachable
        endpoints = record.endpoints.indices.map { index in
            Endpoint(
                record: record.endpoints[index],
                converged: words.converged(index, reachable),
                healthy: words.healthy(index, reachable)
            )
        }
        let others = record.endpoints.count - 1
        converged =
            verdict.convergedBy.map { [endpoints] in
                endpoints[$0].converged.speaking(for: endpoints[$0].record.report.name, others: others)
            } ?? words.convergedOfAll(reachable)
        healthy =
            verdict.healthyBy.map { [endpoints] in
                endpoints[$0].healthy.speaking(for: endpoints[$0].record.report.name, others: others)
            } ?? words.healthyOfAll(reachable)
    }
}

extension StatusAnswer {
    /// As the answer for the whole device.
    fileprivate func speaking(for endpoint: EndpointName, others: Int) -> StatusAnswer {
        guard others > 0 else { return self }
        var answer = self
        answer.sentence = "\(endpoint): \(sentence)"
        return answer
    }
}
