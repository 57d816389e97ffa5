import Deployment
import Digest
import FleetProtocol
import WallClock

@testable import Fleet

/// A fleet that was made up.
final class MadeUpFleet: FleetReading {
    var records: [DeviceRecord] = []
    var happened: [EventRecord] = []
    var refused: [RefusalRecord] = []
    var numbers: [MetricSeries] = []
    var lines: [LogLine] = []
    var dataVersion = 1
    /// How often all devices were read.
    private(set) var reads = 0

    init(_ records: [DeviceRecord] = []) { self.records = records.sorted { $0.device < $1.device } }

    func device(_ id: DeviceID) -> DeviceRecord? { records.first { $0.device == id } }

    func devices() -> [DeviceRecord] {
        reads += 1
        return records
    }

    func certificates(of _: DeviceID) -> [(fingerprint: SHA256Digest, issued: UTCTime, notAfter: UTCTime)] {
        [
            (SHA256.digest([1]), StatusFixture.ago(1000), StatusFixture.ago(-1000)),
            (SHA256.digest([2]), StatusFixture.ago(10), StatusFixture.ago(-2000)),
        ]
    }

    func events(
        device: DeviceID?,
        endpoint: EndpointName?,
        before: Int64?,
        after: Int64?,
        limit: Int
    ) -> [EventRecord] {
        let matching = happened.filter { event in
            (device == nil || event.device == device) && (endpoint == nil || event.report?.endpoint == endpoint)
                && event.id < before ?? .max && event.id > after ?? 0
        }
        return Array(matching.sorted { $0.id > $1.id }.prefix(limit))
    }

    func event(_ id: Int64) -> EventRecord? { happened.first { $0.id == id } }

    func series(of _: DeviceID, names _: [String]?, since: UTCTime) -> [MetricSeries] {
        numbers.map { series in
            var series = series
            series.points = series.points.filter { $0.time >= since }
            return series
        }
    }

    func logLines(of _: DeviceID, limit: Int) -> [LogLine] { Array(lines.prefix(limit)) }

    func refusals(since: UTCTime) -> [RefusalRecord] { refused.filter { $0.last >= since } }
}
