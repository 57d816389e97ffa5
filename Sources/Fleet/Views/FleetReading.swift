package import Deployment
package import Digest
package import WallClock

/// What the views read: the store, and in tests a fleet that was made up.
package protocol FleetReading {
    func device(_ id: DeviceID) throws -> DeviceRecord?
    /// All, in order of their ids.
    func devices() throws -> [DeviceRecord]
    /// The same with less in them, as ``FleetStore/outlines()`` says.
    func outlines() throws -> [DeviceRecord]
    func certificates(of device: DeviceID) throws -> [(fingerprint: SHA256Digest, issued: UTCTime, notAfter: UTCTime)]
    /// Newest first.
    func events(
        device: DeviceID?,
        endpoint: EndpointName?,
        before: Int64?,
        after: Int64?,
        limit: Int
    ) throws -> [EventRecord]
    /// With its log.
    func event(_ id: Int64) throws -> EventRecord?
    func series(of device: DeviceID, names: [String]?, since: UTCTime) throws -> [MetricSeries]
    /// Newest first.
    func logLines(of device: DeviceID, limit: Int) throws -> [LogLine]
    func refusals(since: UTCTime) throws -> [RefusalRecord]
    /// Another number whenever anything of this may have changed.
    var dataVersion: Int { get throws }
}

extension FleetReading {
    package func outlines() throws -> [DeviceRecord] { try devices() }
}
