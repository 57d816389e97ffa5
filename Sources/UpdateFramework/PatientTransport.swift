internal import Diagnostics

/// Waits where a server that is busy says when to come again (Retry-After), and asks once more.
package final class PatientTransport: RepositoryTransport {
    private let transport: any RepositoryTransport
    private let say: (String) -> Void
    private let wait: (Duration) -> Void
    private var patience: Duration

    /// - Parameters:
    ///   - patience: how long may be waited in all; where a server asks for more than what is left, it is unavailable.
    ///   - say: told of each wait.
    ///   - wait: waits.
    package init(
        _ transport: any RepositoryTransport,
        patience: Duration,
        say: @escaping (String) -> Void,
        wait: @escaping (Duration) -> Void
    ) {
        self.transport = transport
        self.patience = patience
        self.say = say
        self.wait = wait
    }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        while true {
            do {
                return try transport.fetch(path, limitBytes: limitBytes, receive: receive)
            } catch TransportError.unavailable(let file, let reason, let pause?) where pause <= patience {
                say("\(file): \(reason); asking again in \(Quantity.readable(pause))")
                patience -= pause
                wait(pause)
            }
        }
    }
}
