package import Digest

/// What `edgeruntime check --record` printed: what a bundle answered on this box.
package struct CheckRecord: Hashable, Sendable {
    package var digest: SHA256Digest
    package var passed: Bool
    package var samples: Int
    package var failed: Int
    package var peakBytes: Int
    /// 99 of 100 answers took at most this.
    package var p99Microseconds: Int
    package var acceptance: Acceptance?

    package struct Acceptance: Hashable, Sendable {
        package var value: Double
        package var records: Int

        package init(value: Double, records: Int) {
            self.value = value
            self.records = records
        }
    }

    /// The most that is read of a check's output.
    package static let limitBytes = 16 << 10

    /// Nil where it isn't whole: a check that was killed has found nothing.
    package init?(_ output: [UInt8]) {
        guard output.count <= Self.limitBytes, output.last == UInt8(ascii: "\n") else { return nil }
        var lines: [Substring: Substring] = [:]
        for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
            guard let space = line.firstIndex(of: " ") else { return nil }
            lines[line[..<space]] = line[line.index(after: space)...]
        }
        func number(_ name: Substring) -> Int? { lines[name].flatMap { Int($0) } }
        guard lines["edge-check"] == "1", let hex = lines["digest"], let digest = SHA256Digest(hex: String(hex)),
            let passed = number("passed"), let samples = number("samples"), let failed = number("failed"),
            let p99 = number("p99_us"), let peak = number("peak_bytes")
        else { return nil }
        self.digest = digest
        self.passed = passed == 1
        self.samples = samples
        self.failed = failed
        peakBytes = peak
        p99Microseconds = p99
        if let value = lines["acceptance_value"].flatMap({ Double($0) }), let records = number("acceptance_records") {
            acceptance = Acceptance(value: value, records: records)
        }
    }
}
