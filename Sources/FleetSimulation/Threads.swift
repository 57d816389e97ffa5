internal import Glibc

/// Threads that do the same piece of work side by side; to be joined.
struct Threads: ~Copyable {
    private var threads: [pthread_t] = []

    /// Starts up to `count` threads. Where the system has none left there are fewer.
    init(_ count: Int, _ body: @escaping @Sendable () -> Void) {
        for _ in 0..<count {
            let context = Unmanaged.passRetained(ThreadBody(body))
            var thread = pthread_t()
            let code = pthread_create(
                &thread,
                nil,
                { context in
                    guard let context else { return nil }
                    Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
                    return nil
                },
                context.toOpaque()
            )
            guard code == 0 else {
                context.release()
                break
            }
            threads.append(thread)
        }
    }

    var count: Int { threads.count }

    /// Waits until all have ended.
    consuming func join() {
        for thread in threads { pthread_join(thread, nil) }
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
