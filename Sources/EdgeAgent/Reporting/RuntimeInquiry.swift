internal import RuntimeControl
internal import UnixSockets

/// Asks a runtime for its counters without waiting for the answer, so that one that hangs holds up nobody.
final class RuntimeInquiry {
    let identity: ProcessIdentity
    /// When the answer is no longer waited for.
    let deadline: Duration
    private let connection: RuntimeConnection?

    enum Answer {
        case pending
        case counters(ServingCounters)
        /// It does not answer, or not so that it can be read.
        case none
    }

    private static let patience = Duration.seconds(2)

    init(_ identity: ProcessIdentity, controlPath: String, at now: Duration) {
        self.identity = identity
        deadline = now + Self.patience
        connection = try? RuntimeConnection.connect(to: controlPath, milliseconds: 1)
        do throws(ControlError) { try connection?.requestCounters() } catch { connection?.close() }
    }

    var descriptor: Int32? { connection.flatMap { $0.descriptor >= 0 ? $0.descriptor : nil } }

    func answer(at now: Duration) -> Answer {
        guard let connection, descriptor != nil else { return .none }
        do throws(ControlError) {
            if let counters = try connection.counters() { return .counters(counters) }
        } catch {
            return .none
        }
        return now < deadline ? .pending : .none
    }
}
