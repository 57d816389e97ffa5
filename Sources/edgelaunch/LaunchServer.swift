import Containment
import Glibc
import RuntimeLaunch
import UnixSockets

/// Takes one connection after another, and one request of each. One thread: a start takes milliseconds.
struct LaunchServer {
    let launcher: Launcher
    let listener: MessageListener
    /// The only user that is served.
    let agentUser: UInt32
    let notice: @Sendable (String) -> Void

    /// How long a request may take to come once a connection is there: others wait meanwhile.
    private static let requestMilliseconds = 2_000

    func run(until signals: SignalDescriptor) throws {
        while true {
            var entries = [Poll.Entry(listener.descriptor), Poll.Entry(signals.descriptor)]
            try Poll.wait(&entries, milliseconds: nil)
            while let signal = try signals.next() {
                guard signal == SIGCHLD else { return }
                reapRuntimes()
            }
            // One who hangs up while waiting is no reason to end.
            while let connection = try? listener.accept() { serve(connection) }
        }
    }

    /// The runtimes are children until this process ends; who watches them does so by other means.
    private func reapRuntimes() {
        while waitpid(-1, nil, WNOHANG) > 0 {}
        launcher.tidy()
    }

    private func serve(_ connection: MessageConnection) {
        defer { connection.close() }
        do {
            let peer = try connection.peer()
            guard peer.userID == agentUser else {
                notice("refused user \(peer.userID) (process \(peer.processID)): only user \(agentUser) is served")
                try reply(.failed(step: "request", errno: EPERM, text: "only the agent's user is served"), connection)
                return
            }
            guard
                let message = try connection.receive(
                    limit: LaunchRequest.messageLimit,
                    milliseconds: Self.requestMilliseconds
                )
            else { return }
            let answer = launcher.answer(message.bytes, descriptors: message.descriptors.map(\.number))
            notice(Self.line(answer))
            try reply(answer, connection)
        } catch let error as SocketError {
            notice("a request was not served: \(error.message)")
            if case .messageTooLong = error {
                try? reply(.failed(step: "request", errno: EMSGSIZE, text: error.message), connection)
            }
        } catch {
            notice("a request was not served: \(error)")
        }
    }

    private func reply(_ reply: LaunchReply, _ connection: MessageConnection) throws {
        try connection.send(reply.message, milliseconds: Self.requestMilliseconds)
    }

    private static func line(_ reply: LaunchReply) -> String {
        switch reply {
        case .started(let process, let containment): "started \(process), containment \(containment.summary.rawValue)"
        case .failed(_, _, let text): "not started: \(text)"
        }
    }
}
