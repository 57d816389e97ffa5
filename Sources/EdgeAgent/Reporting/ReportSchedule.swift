internal import FleetProtocol

/// When `edgeagent-sync report` is started. Pure: times in, decisions out.
struct ReportSchedule: Equatable {
    /// Something waits that was not sent.
    private(set) var isWaiting = true
    private(set) var isRunning = false
    /// Came while the run was under way, which may not have seen it.
    private var cameMeanwhile = false
    private var nextTry: Duration = .zero
    private var pause: Duration = .zero
    /// Records that the last good run left; nil where it left none.
    private var left: Int?

    /// Between two runs that go well.
    static let gap = Duration.seconds(1)
    static let firstPause = Duration.seconds(1)
    static let longestPause = Duration.seconds(300)

    /// Whether the last run failed: what waits has not arrived.
    var isFailing: Bool { pause > .zero }

    mutating func came() {
        isWaiting = true
        if isRunning { cameMeanwhile = true }
    }

    /// Somebody wants it now.
    mutating func hurry() {
        came()
        nextTry = .zero
    }

    func isDue(at now: Duration) -> Bool { isWaiting && !isRunning && now >= nextTry }

    /// When it will be; nil where nothing waits, or is under way.
    var wake: Duration? { isWaiting && !isRunning ? nextTry : nil }

    mutating func began() {
        isRunning = true
        cameMeanwhile = false
    }

    mutating func succeeded(left: Int, at now: Duration) {
        isRunning = false
        isWaiting = left > 0 || cameMeanwhile
        // A server that takes nothing is not asked again and again.
        let isStuck = left > 0 && self.left.map { left >= $0 } == true && !cameMeanwhile
        self.left = left > 0 ? left : nil
        guard isStuck else {
            pause = .zero
            nextTry = now + Self.gap
            return
        }
        backOff(at: now, atLeast: nil, spread: 1)
    }

    /// - Parameters:
    ///   - retryAfter: what the server asked for, in seconds.
    ///   - spread: from 0.5 to 1: boxes that failed together need not come again together.
    mutating func failed(at now: Duration, retryAfter: Int?, spread: Double) {
        isRunning = false
        isWaiting = true
        backOff(at: now, atLeast: retryAfter, spread: spread)
    }

    private mutating func backOff(at now: Duration, atLeast seconds: Int?, spread: Double) {
        pause = min(max(pause * 2, Self.firstPause), Self.longestPause)
        let asked = Duration.seconds(min(max(seconds ?? 0, 0), 3600))
        nextTry = now + max(pause * spread, asked)
    }
}
