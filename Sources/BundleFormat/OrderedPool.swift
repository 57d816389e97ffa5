internal import Glibc

/// Threads that work on items side by side and hand the results out in the order the items came in.
///
/// Identical workers and one ordered taker: no stage waits for another. One thread calls `submit`, `next` and `close`.
final class OrderedPool<Item: Sendable, Product: Sendable>: PoolThread, @unchecked Sendable {
    // Sendable: every stored property below is read and written under `mutex`, but for the constants.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting: [(number: Int, item: Item)] = []
    private var done: [Int: Result<Product, any Error>] = [:]
    private var submitted = 0
    private var taken = 0
    private var isClosed = false
    private var threads: [pthread_t] = []
    private let makeWorker: @Sendable () throws -> (Item) throws -> Product

    /// Starts `count` threads; `makeWorker` runs once on each, so that a worker may own what can't be shared.
    init(threads count: Int, makeWorker: @escaping @Sendable () throws -> (Item) throws -> Product) {
        self.makeWorker = makeWorker
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
        for _ in 0..<count { startThread() }
    }

    private func startThread() {
        let context = Unmanaged.passRetained(self).toOpaque()
        let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
            guard let context else { return nil }
            (Unmanaged<AnyObject>.fromOpaque(context).takeRetainedValue() as? any PoolThread)?.work()
            return nil
        }
        var thread = pthread_t()
        if pthread_create(&thread, nil, body, context) == 0 {
            threads.append(thread)
        } else {
            Unmanaged<OrderedPool>.fromOpaque(context).release()
        }
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Items submitted whose results have not been taken.
    var inFlight: Int { submitted - taken }

    func submit(_ item: Item) {
        // Without a single thread the work is done here, in order all the same.
        guard !threads.isEmpty else {
            done[submitted] = Result { try makeWorker()(item) }
            submitted += 1
            return
        }
        pthread_mutex_lock(mutex)
        waiting.append((submitted, item))
        submitted += 1
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for the next result in the order of submission; nil when none is in work.
    func next() throws -> Product? {
        guard inFlight > 0 else { return nil }
        pthread_mutex_lock(mutex)
        while done[taken] == nil { pthread_cond_wait(changed, mutex) }
        let result = done.removeValue(forKey: taken)
        taken += 1
        pthread_mutex_unlock(mutex)
        return try result?.get()
    }

    /// Ends the threads, dropping what waits, and returns when they have ended.
    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        waiting = []
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    fileprivate func work() {
        let worker = Result { try makeWorker() }
        while let (number, item) = take() {
            let result = worker.flatMap { worker in Result { try worker(item) } }
            pthread_mutex_lock(mutex)
            done[number] = result
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
    }

    private func take() -> (number: Int, item: Item)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while waiting.isEmpty, !isClosed { pthread_cond_wait(changed, mutex) }
        return waiting.isEmpty ? nil : waiting.removeFirst()
    }
}

/// A C function can't be generic: a thread finds its pool through this.
private protocol PoolThread: AnyObject {
    func work()
}
