import Glibc
import HTTPServer
import Synchronization
import UnixSockets

/// Answers with the method, path and body of the request unless told otherwise.
final class TestHandler: HTTPHandler {
    let limitBytes: Int
    let onExchange: @Sendable (HTTPExchange) -> Void

    init(limitBytes: Int = 1 << 20, onExchange: @escaping @Sendable (HTTPExchange) -> Void = { $0.echo() }) {
        self.limitBytes = limitBytes
        self.onExchange = onExchange
    }

    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision {
        switch head.path {
        case "/missing": .reject(.text(.notFound, "no such path"))
        case "/only-get" where head.method != .get:
            .reject(.text(.methodNotAllowed, "only GET", headers: [HTTPHeader("Allow", "GET")]))
        default: .accept(limitBytes: limitBytes, route: UInt64(head.rawPath.utf8.count))
        }
    }

    func handle(_ exchange: HTTPExchange) { onExchange(exchange) }
}

extension HTTPExchange {
    func echo() {
        let text = "\(methodName) \(rawPath) \(bodyText)"
        respond(.ok, contentType: "text/plain", body: Array(text.utf8))
    }

    var bodyText: String { withBody { String(decoding: $0, as: UTF8.self) } }
}

/// A place where one thread leaves values and another waits for them.
final class Mailbox<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    nonisolated(unsafe) private let arrived: UnsafeMutablePointer<sem_t>

    init() {
        arrived = .allocate(capacity: 1)
        sem_init(arrived, 0, 0)
    }

    deinit {
        sem_destroy(arrived)
        arrived.deallocate()
    }

    func put(_ value: Value) {
        values.withLock { $0.append(value) }
        sem_post(arrived)
    }

    /// The next value, or nil after 20 seconds.
    func take() -> Value? {
        var end = timespec()
        clock_gettime(CLOCK_REALTIME, &end)
        end.tv_sec += 20
        while sem_timedwait(arrived, &end) != 0 {
            if errno != EINTR { return nil }
        }
        return values.withLock { $0.removeFirst() }
    }

    var count: Int { values.withLock { $0.count } }
}

/// Runs `body` on a thread of its own for each number below `count`, and waits for all.
func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = Mailbox<Int>()
    for index in 0..<count {
        onThread {
            body(index)
            done.put(index)
        }
    }
    for _ in 0..<count { _ = done.take() }
}

/// Starts a thread that nobody waits for.
func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let work = Unmanaged.passRetained(Work(body)).toOpaque()
    pthread_create(
        &thread,
        nil,
        { context in
            if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
            return nil
        },
        work
    )
    pthread_detach(thread)
}

extension HTTPServer {
    /// A server on a free port of 127.0.0.1.
    static func start(
        limitBytes: Int = 1 << 20,
        configuration: HTTPServerConfiguration = HTTPServerConfiguration(),
        _ onExchange: @escaping @Sendable (HTTPExchange) -> Void = { $0.echo() }
    ) throws -> HTTPServer {
        try HTTPServer(
            .tcp(host: "127.0.0.1", port: 0),
            configuration: configuration,
            handler: TestHandler(limitBytes: limitBytes, onExchange: onExchange)
        )
    }

    func connect() throws -> RawClient { try RawClient(port: port ?? 0) }

    /// True once no request is open: a client may have its answer a moment before the server has noted the end.
    func becomesIdle() -> Bool {
        beginDraining()
        return waitUntilIdle(deadline: .seconds(20), quietTime: .zero)
    }
}

extension HTTPServerConfiguration {
    /// The defaults with one of them changed.
    static func with<Value>(_ setting: WritableKeyPath<HTTPServerConfiguration, Value>, _ value: Value) -> Self {
        var configuration = HTTPServerConfiguration()
        configuration[keyPath: setting] = value
        return configuration
    }
}
