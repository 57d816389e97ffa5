package import Deployment
package import FleetProtocol
package import Telemetry

/// How simulated boxes reach their fleet. May be called from any thread.
package protocol SimulationTransport: Sendable {
    func isEnrolled(_ device: DeviceID) -> Bool
    /// Waits for the answer.
    func enrol(_ device: DeviceID) throws
    /// A connection for what a box says at one moment. One thread at a time speaks for a box.
    func session(for device: DeviceID) throws -> any SimulationSession
}

/// What a box says at one moment. Every call waits for its answer.
package protocol SimulationSession {
    func send(_ checkIn: CheckIn) throws -> CheckInReply
    func send(_ metrics: MetricsExport) throws
}
