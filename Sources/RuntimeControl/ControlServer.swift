package import UnixSockets

/// A runtime's side of the control socket: one thread that answers every agent that connects.
package final class ControlServer: Sendable {
    /// Does what is asked, quickly, on the server's thread. Descriptors that came along are let go unless it keeps them.
    ///
    /// - Returns: the reply, and what goes along with it.
    package typealias Handler = @Sendable (ControlRequest, [Descriptor]) -> (ControlReply, Descriptor?)

    /// Agents that may be connected at once: an old one, its successor, and somebody who looks. For one more the oldest
    /// connection is ended, so that none is locked out by what others left open.
    private static let connectionLimit = 16

    private let listener: MessageListener
    private let handler: Handler

    package init(_ listener: MessageListener, handler: @escaping Handler) {
        self.listener = listener
        self.handler = handler
    }

    /// Answers for ever. What an agent does wrong, or that it goes away, ends its connection and nothing else.
    ///
    /// - Throws: where there is nothing left to wait for or with.
    package func run() throws(SocketError) -> Never {
        var connections: [MessageConnection] = []
        while true {
            var entries = [Poll.Entry(listener.descriptor)]
            entries += connections.map { Poll.Entry($0.descriptor) }
            try Poll.wait(&entries, milliseconds: nil)
            connections = zip(connections, entries.dropFirst()).filter { !$1.isReadable || answer($0) }.map(\.0)
            guard entries[0].isReadable else { continue }
            do throws(SocketError) {
                guard let connection = try listener.accept() else { continue }
                if connections.count >= Self.connectionLimit { connections.removeFirst() }
                connections.append(connection)
            } catch {
                // Out of descriptors or memory: who waits is accepted when there is room, and no sooner by spinning.
                var none: [Poll.Entry] = []
                try Poll.wait(&none, milliseconds: 100)
            }
        }
    }

    /// Answers one request.
    ///
    /// - Returns: false if the connection has ended or is of no more use.
    private func answer(_ connection: MessageConnection) -> Bool {
        do throws(SocketError) {
            guard let message = try connection.receive(limit: ControlProtocol.limitBytes, milliseconds: 0) else {
                return false
            }
            let (reply, descriptor) = answer(message)
            // Whoever asks reads the answer: nobody else waits for one that doesn't.
            try connection.send(reply.encoded, descriptors: descriptor.map { [$0.number] } ?? [], milliseconds: 0)
            return true
        } catch {
            return error == .timedOut(.receive)
        }
    }

    private func answer(_ message: MessageConnection.Message) -> (ControlReply, Descriptor?) {
        guard let request = ControlRequest(message.bytes) else { return (.error("no such request"), nil) }
        guard message.descriptors.count == request.descriptors else {
            return (.error("'\(request.rawValue)' takes \(request.descriptors) descriptors"), nil)
        }
        return handler(request, message.descriptors)
    }
}
