internal import ONNXRuntime
internal import Synchronization

/// Why a native run was given up before it had an answer.
package enum RunEnd: UInt8, Sendable {
    case deadline = 1
    case clientLeft = 2
    case stopping = 3
    /// It keeps a server's thread too long, and is made again on another.
    case moved = 4

    /// 499 is what nginx logs for a client that has gone; nobody reads it.
    var httpStatus: UInt16 {
        switch self {
        case .deadline: 504
        case .clientLeft: 499
        case .stopping, .moved: 503
        }
    }

    var message: String {
        switch self {
        case .deadline: "the model did not answer in time"
        case .clientLeft: "the client has gone"
        case .stopping: "the server is stopping"
        case .moved: "the model takes longer than expected"
        }
    }
}

/// Ends one run early, and remembers the first reason for it.
final class RunControl: Sendable {
    let cancellation: RunCancellation
    private let cause = Atomic<UInt8>(0)

    init(_ cancellation: RunCancellation) { self.cancellation = cancellation }

    /// Nil while the run may go on.
    var end: RunEnd? { RunEnd(rawValue: cause.load(ordering: .acquiring)) }

    /// May be called from any thread.
    func end(_ end: RunEnd) {
        _ = cause.compareExchange(expected: 0, desired: end.rawValue, ordering: .acquiringAndReleasing)
        cancellation.cancel()
    }
}

/// How long a model's answers have taken of late, reading and writing included. Recording takes no lock; an update that
/// is lost to another thread's doesn't matter.
final class RunTimeEstimate: Sendable {
    private let count = Atomic<Int>(0)
    private let nanoseconds = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)

    /// Up to so long a server's thread may be kept from its other connections.
    private static let inlineLimit = 1_000_000
    /// Bodies shorter than this are not what an answer takes its time for.
    private static let shortBody = 1024

    /// An answer to a body of `bytes` took that long.
    func record(microseconds: UInt64, bytes given: Int) {
        let sample = Int(clamping: microseconds) * 1000
        let earlier = count.load(ordering: .relaxed)
        let mean = nanoseconds.load(ordering: .relaxed)
        // A mean at first, then a moving one: one that was held up changes little, a slow one counts at once.
        let weight = min(earlier + 1, 16)
        let isFarOff = sample > 10 * Self.inlineLimit
        nanoseconds.store(isFarOff ? max(sample, mean) : mean + (sample - mean) / weight, ordering: .relaxed)
        let meanBytes = bytes.load(ordering: .relaxed)
        bytes.store(meanBytes + (given - meanBytes) / weight, ordering: .relaxed)
        count.store(weight, ordering: .relaxed)
    }

    /// Whether a body of that length can be expected to be answered within a millisecond. What is not known is not quick.
    func isQuick(bytes given: Int) -> Bool {
        guard count.load(ordering: .relaxed) > 0 else { return false }
        let usual = max(Self.shortBody, bytes.load(ordering: .relaxed))
        let mean = nanoseconds.load(ordering: .relaxed)
        guard given > usual else { return mean < Self.inlineLimit }
        return Double(mean) * (Double(given) / Double(usual)) < Double(Self.inlineLimit)
    }
}
