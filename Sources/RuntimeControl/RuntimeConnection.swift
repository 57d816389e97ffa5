package import UnixSockets

/// An agent's side of the control socket: asks a runtime, and waits for the reply.
///
/// For one thread at a time. After an error other than `refused` the connection is closed, as a late reply would be taken
/// for that to another request: connect again.
package final class RuntimeConnection: Sendable {
    private let connection: MessageConnection

    /// Readable with `Poll` when the runtime has gone.
    package var descriptor: Int32 { connection.descriptor }

    package init(_ connection: MessageConnection) {
        self.connection = connection
    }

    /// Connects to the control socket at `path`.
    ///
    /// - Throws: `socket`. A socket whose listener is there but is not served yet is connected to all the same.
    package static func connect(to path: String, milliseconds: Int) throws(ControlError) -> RuntimeConnection {
        do throws(SocketError) {
            let connection = try MessageConnection.connect(to: path, milliseconds: milliseconds)
            try connection.askForSender()
            return RuntimeConnection(connection)
        } catch {
            throw .socket(error)
        }
    }

    /// Who is there, and what it does.
    ///
    /// A runtime in a namespace of processes of its own knows itself by another number than this process knows it by:
    /// where the kernel says who has sent the answer, that counts.
    package func hello(milliseconds: Int) throws(ControlError) -> RuntimeGreeting {
        try greeting(in: try ask(.hello, milliseconds: milliseconds))
    }

    /// Asks who is there without waiting for the answer: ``greeting()`` takes it. Nothing else may be asked before.
    package func requestHello() throws(ControlError) { try send(.hello, with: nil, milliseconds: 0) }

    /// The answer to ``requestHello()``; nil while it has not come. Does not wait.
    package func greeting() throws(ControlError) -> RuntimeGreeting? {
        do throws(ControlError) {
            return try greeting(in: try receive(.hello, milliseconds: 0))
        } catch .socket(.timedOut) {
            return nil
        } catch {
            throw broken(error)
        }
    }

    /// Asks for the counters without waiting for them: ``counters()`` takes them. Nothing else may be asked before.
    package func requestCounters() throws(ControlError) { try send(.counters, with: nil, milliseconds: 0) }

    /// The answer to ``requestCounters()``; nil while it has not come. Does not wait.
    package func counters() throws(ControlError) -> ServingCounters? {
        do throws(ControlError) {
            guard case .counters(let counters) = try receive(.counters, milliseconds: 0).reply else {
                throw .unexpected(.counters)
            }
            return counters
        } catch .socket(.timedOut) {
            return nil
        } catch {
            throw broken(error)
        }
    }

    /// Ends the connection, which means nothing to the runtime.
    package func close() { connection.close() }

    private func greeting(in answer: Answer) throws(ControlError) -> RuntimeGreeting {
        guard case .hello(var greeting) = answer.reply else { throw broken(.unexpected(.hello)) }
        greeting.processID = answer.sender ?? greeting.processID
        return greeting
    }

    /// Has a runtime in standby serve on a listening socket, which stays the caller's as well. When this returns, it
    /// accepts.
    package func accept(on listening: Int32, milliseconds: Int) throws(ControlError) {
        guard case .accepting = try ask(.accept, with: listening, milliseconds: milliseconds).reply else {
            throw broken(.unexpected(.accept))
        }
    }

    /// The listening socket of a runtime that serves or drains.
    package func socket(milliseconds: Int) throws(ControlError) -> Descriptor {
        let answer = try ask(.socket, milliseconds: milliseconds)
        guard case .socket = answer.reply, let descriptor = answer.descriptors.first else {
            throw broken(.unexpected(.socket))
        }
        return descriptor
    }

    package func counters(milliseconds: Int) throws(ControlError) -> ServingCounters {
        guard case .counters(let counters) = try ask(.counters, milliseconds: milliseconds).reply else {
            throw broken(.unexpected(.counters))
        }
        return counters
    }

    /// Has it stop accepting and end when what is under way was answered. When this returns, it accepts no more.
    package func drain(milliseconds: Int) throws(ControlError) {
        guard case .draining = try ask(.drain, milliseconds: milliseconds).reply else {
            throw broken(.unexpected(.drain))
        }
    }

    private typealias Answer = (reply: ControlReply, descriptors: [Descriptor], sender: Int32?)

    private func ask(
        _ request: ControlRequest,
        with descriptor: Int32? = nil,
        milliseconds: Int
    ) throws(ControlError) -> Answer {
        try send(request, with: descriptor, milliseconds: milliseconds)
        do throws(ControlError) {
            return try receive(request, milliseconds: milliseconds)
        } catch {
            if case .refused = error { throw error }
            throw broken(error)
        }
    }

    private func send(
        _ request: ControlRequest,
        with descriptor: Int32?,
        milliseconds: Int
    ) throws(ControlError) {
        do throws(SocketError) {
            guard connection.descriptor >= 0 else { throw .closed }
            let passed = descriptor.map { [$0] } ?? []
            try connection.send(request.encoded, descriptors: passed, milliseconds: milliseconds)
        } catch {
            throw broken(.socket(error))
        }
    }

    /// The reply that comes next. Closing after an error is the caller's.
    private func receive(_ request: ControlRequest, milliseconds: Int) throws(ControlError) -> Answer {
        let message: MessageConnection.Message?
        do throws(SocketError) {
            guard connection.descriptor >= 0 else { throw .closed }
            message = try connection.receive(limit: ControlProtocol.limitBytes, milliseconds: milliseconds)
        } catch {
            throw .socket(error)
        }
        guard let message else { throw .socket(.closed) }
        let reply = try ControlReply(message.bytes)
        if case .error(let text) = reply { throw .refused(request, text) }
        return (reply, message.descriptors, message.sender)
    }

    private func broken(_ error: ControlError) -> ControlError {
        connection.close()
        return error
    }
}
