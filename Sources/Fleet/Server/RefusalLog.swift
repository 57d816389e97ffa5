internal import Diagnostics
internal import FleetProtocol
internal import Synchronization
internal import WallClock

/// What was refused: on standard error, a few lines a second at most, and counted for the database.
final class RefusalLog: Sendable {
    private struct Key: Hashable {
        var code: FleetProblem.Code
        var address: String
        var device: String?
    }

    private struct State {
        var counted: [Key: RefusalRecord] = [:]
        var tokens = 20.0
        var filled = 0.0
        var unsaid = 0
    }

    /// Kinds of refusals that are told apart between two writes; the rest counts with its code alone.
    private static let keyLimit = 200
    /// Lines in one go, and lines a second from then on.
    private static let burst = 20.0
    private static let perSecond = 1.0
    /// A sentence may quote what was sent.
    private static let sentenceLimit = 300

    private let state = Mutex(State())
    private let log: @Sendable (String) -> Void

    init(log: @escaping @Sendable (String) -> Void) { self.log = log }

    func note(_ problem: FleetProblem, address: String, device: String?, at now: UTCTime) {
        let sentence = String(problem.message.unicodeScalars.prefix(Self.sentenceLimit).map(Character.init))
        let lines = state.withLock { state -> [String] in
            var key = Key(code: problem.code, address: address, device: device)
            if state.counted[key] == nil, state.counted.count >= Self.keyLimit {
                key = Key(code: problem.code, address: "", device: nil)
            }
            var record =
                state.counted[key]
                ?? RefusalRecord(
                    code: problem.code,
                    hour: UTCTime(seconds: now.seconds / 3600 * 3600),
                    count: 0,
                    last: now,
                    address: key.address,
                    device: key.device,
                    sentence: sentence
                )
            record.count += 1
            record.last = now
            record.sentence = sentence
            state.counted[key] = record
            let whose = device.map { " device \($0.printable())" } ?? ""
            let place = address.isEmpty ? "" : " from \(address)"
            return Self.lines("refused\(whose)\(place): \(problem.code.rawValue): \(sentence.printable())", &state)
        }
        for line in lines { log(line) }
    }

    /// What the server says of connections, such as that it refused a certificate of another authority; who it was it
    /// doesn't say.
    func note(fromTLS text: String, at now: UTCTime) {
        let refused = "refused a client: "
        guard text.hasPrefix(refused) else { return say(text) }
        let problem = FleetProblem(.certificateUnknown, String(text.dropFirst(refused.count)))
        note(problem, address: "", device: nil, at: now)
    }

    /// Something that clients cause and that may come often.
    func say(_ text: String) {
        for line in state.withLock({ Self.lines(text.printable(), &$0) }) { log(line) }
    }

    private static func lines(_ line: String, _ state: inout State) -> [String] {
        let now = monotonicSeconds()
        state.tokens = min(burst, state.tokens + (now - state.filled) * perSecond)
        state.filled = now
        guard state.tokens >= 1 else {
            state.unsaid += 1
            return []
        }
        state.tokens -= 1
        var lines: [String] = []
        if state.unsaid > 0 {
            lines.append("\(state.unsaid) more refusals were not printed")
            state.unsaid = 0
        }
        lines.append(line)
        return lines
    }

    /// What was counted since the last time.
    func take() -> [RefusalRecord] {
        state.withLock { state in
            defer { state.counted = [:] }
            return Array(state.counted.values)
        }
    }
}
