import Glibc
import Processes

/// A plain web server over a folder, until it is let go.
final class WebServer {
    let url: String
    private let process: ChildProcess

    init(_ folder: String) throws {
        let port = try AgentBox.freePort()
        url = "http://127.0.0.1:\(port)"
        process = try ChildProcess(
            ProcessSpecification(
                program: Programs.python,
                arguments: ["-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory", folder],
                environment: Programs.environment,
                group: .new,
                parentDeathSignal: SIGKILL
            )
        )
        let clock = ContinuousClock()
        let end = clock.now + .seconds(20)
        while (try? HTTPConnection(port: port)) == nil {
            guard clock.now < end else { throw Unexpected(what: "the web server does not answer") }
            usleep(20_000)
        }
    }

    deinit { _ = try? process.killAndWait() }
}
