package import Deployment
package import FleetProtocol
package import Telemetry

/// What simulated boxes speak through. Every call waits for its answer, and may come from any thread.
package protocol SimulationTransport: Sendable {
    func isEnrolled(_ device: DeviceID) -> Bool
    func enrol(_ device: DeviceID) throws
    func send(_ checkIn: CheckIn) throws -> CheckInReply
    func send(_ metrics: MetricsExport, from device: DeviceID) throws
}
