internal import Glibc
internal import Processes
internal import UnixSockets

/// How an agent has runtimes started.
package enum RuntimeLauncher: Hashable, Sendable {
    /// By the launcher that listens there: `edgelaunch serve`, with rights that the agent lacks.
    case socket(path: String)
    /// By `edgelaunch once` at this path, with the agent's own rights. `options` go behind `--store`.
    case program(path: String, store: String, options: [String] = [])

    /// Starts a runtime.
    ///
    /// - Parameters:
    ///   - channel: the listening control socket of `serve`, or what takes the record of `check`. Stays the caller's.
    ///   - log: what takes the rest that it prints. Stays the caller's.
    ///   - milliseconds: how long to wait for the answer.
    /// - Returns: also failures that the launcher tells of.
    /// - Throws: `socket`, `program`, `notAnswered`, `badReply`. After `socket` and `notAnswered` it is not known whether a
    ///   runtime was started; its control socket tells.
    package func launch(
        _ request: LaunchRequest,
        channel: Int32,
        log: Int32,
        milliseconds: Int = 20_000
    ) throws(LaunchError) -> LaunchReply {
        switch self {
        case .socket(let path):
            let connection = try asLaunchError { () throws(SocketError) in
                try MessageConnection.connect(to: path, milliseconds: milliseconds)
            }
            defer { connection.close() }
            return try ask(connection, request, [channel, log], milliseconds)
        case .program(let path, let store, let options):
            return try launch(path, ["once", "--fd", "3", "--store", store] + options, milliseconds) {
                connection throws(LaunchError) in
                try ask(connection, request, [channel, log], milliseconds)
            }
        }
    }

    private func launch(
        _ program: String,
        _ arguments: [String],
        _ milliseconds: Int,
        _ body: (MessageConnection) throws(LaunchError) -> LaunchReply
    ) throws(LaunchError) -> LaunchReply {
        let (ours, theirs) = try asLaunchError { () throws(SocketError) in try MessageConnection.pair() }
        defer { ours.close() }
        let specification = ProcessSpecification(
            program: program,
            arguments: arguments,
            descriptors: [2: 2, 3: theirs.descriptor],
            group: .newSession
        )
        let child: ChildProcess
        do throws(ProcessError) { child = try ChildProcess(specification) } catch { throw .program(error) }
        // Ours must be the only other end, so that a launcher that dies is seen.
        theirs.close()
        let answer: Result<LaunchReply, LaunchError>
        do throws(LaunchError) { answer = .success(try body(ours)) } catch { answer = .failure(error) }
        // It ends by itself once it has answered. The runtime is in a session of its own and not met by this.
        let inTime = child.hasEnded(within: .milliseconds(2_000))
        let status = inTime ? try? child.wait() : try? child.killAndWait()
        if case .failure(.notAnswered) = answer, let status { throw .notAnswered("it ended with \(status)") }
        return try answer.get()
    }

    private func ask(
        _ connection: MessageConnection,
        _ request: LaunchRequest,
        _ descriptors: [Int32],
        _ milliseconds: Int
    ) throws(LaunchError) -> LaunchReply {
        let message = request.message
        guard message.count <= LaunchRequest.messageLimit else { throw .badRequest("it is too long") }
        let reply = try asLaunchError { () throws(SocketError) in
            try connection.send(message, descriptors: descriptors, milliseconds: milliseconds)
            return try connection.receive(limit: LaunchReply.messageLimit, milliseconds: milliseconds)
        }
        guard let reply else { throw .notAnswered("it closed the connection") }
        return try LaunchReply(message: reply.bytes)
    }
}

private func asLaunchError<Value>(_ body: () throws(SocketError) -> Value) throws(LaunchError) -> Value {
    do throws(SocketError) { return try body() } catch {
        throw error == .closed ? .notAnswered("it closed the connection") : .socket(error)
    }
}
