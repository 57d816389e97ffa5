package import Digest

/// What makes a box another box to a bundle: a verdict holds only where these are the same.
package struct HostFingerprint: Hashable, Sendable {
    package var kernel: String
    package var libc: String
    package var python: String
    package var processor: String

    package init(kernel: String, libc: String, python: String, processor: String) {
        self.kernel = kernel
        self.libc = libc
        self.python = python
        self.processor = processor
    }

    /// One digest of all four, for records.
    package var digest: SHA256Digest {
        SHA256.digest([kernel, libc, python, processor].flatMap { Array($0.utf8) + [0] })
    }
}

/// What a failure is kept against: "(serial, bundle digest, host fingerprint)".
package struct AttemptKey: Hashable, Sendable {
    package var serial: Int
    package var bundle: SHA256Digest
    /// ``HostFingerprint/digest``.
    package var host: SHA256Digest

    package init(serial: Int, bundle: SHA256Digest, host: SHA256Digest) {
        self.serial = serial
        self.bundle = bundle
        self.host = host
    }
}

/// What happened so far to the attempts of one key.
package struct AttemptRecord: Hashable, Sendable {
    package var verdict: Verdict?
    package var strikes = 0
    /// Circumstances and strikes since the last success of the attempt: what back-off counts.
    package var setbacks = 0
    package var lastCircumstance: Circumstance?

    package init() {}
}

/// Whether a bundle may be tried (again).
package enum RetryDecision: Hashable, Sendable {
    case allowed
    /// A circumstance stopped the last try: not before this time has passed since.
    case after(Duration, Circumstance)
    /// It was judged; only a newer serial or `edgeagent retry` changes that.
    case refused(Verdict)

    package var sentence: String {
        switch self {
        case .allowed: "nothing was found against it on this box"
        case .after(_, let circumstance):
            "the last try was stopped by \(circumstance.words), the next one comes by itself"
        case .refused(let verdict):
            "\(verdict.judge.words) refused it: \(verdict.reason); "
                + "a newer deployment or `edgeagent retry` tries it again"
        }
    }
}

/// What one endpoint of a box keeps of failed attempts; the caller stores it.
package struct RetryLedger: Hashable, Sendable {
    package private(set) var records: [AttemptKey: AttemptRecord]

    package init(_ records: [AttemptKey: AttemptRecord] = [:]) { self.records = records }

    /// Design section 6: "A verdict is kept against (serial, bundle digest, host fingerprint) until a newer serial or
    /// `edgeagent retry`; a circumstance is resumed with back-off and counted."
    package func decision(for key: AttemptKey) -> RetryDecision {
        guard let record = records[key] else { return .allowed }
        if let verdict = record.verdict { return .refused(verdict) }
        guard record.setbacks > 0 else { return .allowed }
        return .after(Self.backOff(after: record.setbacks), record.lastCircumstance ?? .uncleanRestart)
    }

    /// Notes a failure and says what it means.
    package mutating func record(_ failure: Failure, for key: AttemptKey) -> FailureClass {
        var record = records[key] ?? AttemptRecord()
        let meaning = failure.classify(strikes: record.strikes)
        switch meaning {
        case .verdict(let verdict): record.verdict = verdict
        case .circumstance(let circumstance):
            record.setbacks += 1
            record.lastCircumstance = circumstance
        case .strike:
            record.strikes += 1
            record.setbacks += 1
            record.lastCircumstance = .uncleanRestart
        case .inconclusive: break
        }
        records[key] = record
        return meaning
    }

    /// `edgeagent retry`: whatever was found against the bundle is forgotten, for every serial and host.
    package mutating func retry(_ bundle: SHA256Digest) { records = records.filter { $0.key.bundle != bundle } }

    /// A newer serial was accepted: what was found under older ones no longer matters.
    package mutating func forget(before serial: Int) { records = records.filter { $0.key.serial >= serial } }

    /// The attempt was committed.
    package mutating func succeeded(_ key: AttemptKey) { records[key] = nil }

    /// 30 s, doubling to an hour. The caller spreads it: this module draws no lots.
    package static func backOff(after setbacks: Int) -> Duration {
        .seconds(min(30 << min(max(setbacks, 1) - 1, 7), 3600))
    }
}

extension Circumstance {
    fileprivate var words: String {
        switch self {
        case .power: "a lack of power"
        case .disk: "the disk"
        case .network: "the network"
        case .memoryPressure: "memory that something else used"
        case .helperKilled: "a program that failed or was killed"
        case .uncleanRestart: "an unclean restart of the box"
        }
    }
}
