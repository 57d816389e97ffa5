internal import CScriptWorker
internal import Glibc
internal import Synchronization

/// Hands a worker's lines to the log on a thread of its own: a log that nobody reads must not stop the supervisor.
///
/// The queue is bounded. Lines that don't fit are lost, and the log is told how many once it takes lines again. Safe from
/// any thread.
final class ScriptLog: Sendable {
    private enum Entry {
        case line(ScriptLogLine)
        /// Somebody waits until all before it is written.
        case mark(ScriptSemaphore)
    }

    private struct Queue {
        var entries: [Entry] = []
        var lines = 0
        var bytes = 0
        var lost = 0
        var isRunning = false
        var isEnding = false
    }

    private let lineLimit: Int
    private let byteLimit: Int
    private let write: @Sendable (ScriptLogLine) -> Void
    private let queue = Mutex(Queue())
    private let filled = ScriptSemaphore()

    init(lineLimit: Int = 8192, byteLimit: Int = 4 << 20, write: @escaping @Sendable (ScriptLogLine) -> Void) {
        (self.lineLimit, self.byteLimit, self.write) = (lineLimit, byteLimit, write)
    }

    /// Starts the thread, which ends after `end`. Throws the errno where there is none to be had.
    func start() throws(ScriptSystemError) {
        let code = queue.withLock { queue -> Int32 in
            guard !queue.isRunning else { return 0 }
            let context = Unmanaged.passRetained(self)
            var thread = pthread_t()
            let code = pthread_create(&thread, nil, writeLog, context.toOpaque())
            guard code == 0 else {
                context.release()
                return code
            }
            // Never joined: it may be stuck in a write for as long as the process lives.
            pthread_detach(thread)
            queue.isRunning = true
            return 0
        }
        guard code == 0 else { throw ScriptSystemError(errno: code) }
    }

    /// Never waits.
    func add(_ line: ScriptLogLine) {
        let count = line.text.utf8.count
        let wasAdded = queue.withLock { queue in
            guard queue.lines < lineLimit, queue.bytes + count <= byteLimit, !queue.isEnding else {
                queue.lost += 1
                return false
            }
            queue.entries.append(.line(line))
            queue.lines += 1
            queue.bytes += count
            return true
        }
        if wasAdded { filled.signal() }
    }

    /// Waits until what was added before is written. Returns false when time ran out first.
    @discardableResult
    func flush(upTo limit: Duration) -> Bool {
        let isWritten = ScriptSemaphore()
        let isRunning = queue.withLock { queue in
            guard queue.isRunning, !queue.isEnding else { return false }
            queue.entries.append(.mark(isWritten))
            return true
        }
        guard isRunning else { return true }
        filled.signal()
        return isWritten.wait(upTo: limit)
    }

    /// Lets the thread end once all is written. Lines that come later are lost.
    func end() {
        queue.withLock { $0.isEnding = true }
        filled.signal()
    }

    /// The thread's work.
    fileprivate func run() {
        while true {
            filled.wait()
            let (entries, lost, isEnding) = queue.withLock { queue in
                defer { (queue.entries, queue.lines, queue.bytes, queue.lost) = ([], 0, 0, 0) }
                return (queue.entries, queue.lost, queue.isEnding)
            }
            for case .line(let line) in entries { write(line) }
            if lost > 0 {
                let lines = lost == 1 ? "1 line was lost" : "\(lost) lines were lost"
                write(ScriptLogLine(source: .supervisor, text: "\(lines): the log did not take them in time"))
            }
            for case .mark(let isWritten) in entries { isWritten.signal() }
            if isEnding { return }
        }
    }
}

/// The thread's function; `context` is a retained `ScriptLog`.
private func writeLog(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let log = Unmanaged<ScriptLog>.fromOpaque(context).takeRetainedValue()
    script_name_thread("script-log")
    log.run()
    return nil
}
