internal import Digest

/// The protocol between an agent and the runtimes of its box: one line of text each way, without a line end, in messages
/// of a Unix socket (docs/runtime-control.md).
package enum ControlProtocol {
    package static let version = 1
    /// The most bytes that a message has.
    package static let limitBytes = 4096
}

/// What a runtime is asked.
package enum ControlRequest: String, CaseIterable, Sendable {
    /// Who are you?
    case hello
    /// Begin to serve on the listening socket that comes along.
    case accept
    /// Hand out a duplicate of the listening socket.
    case socket
    case counters
    /// Stop accepting, answer what is under way, and end.
    case drain

    /// How many descriptors come along.
    package var descriptors: Int { self == .accept ? 1 : 0 }

    package var encoded: [UInt8] { Array(rawValue.utf8) }

    /// Nil where no such request is known.
    package init?(_ message: [UInt8]) {
        guard message.count <= ControlProtocol.limitBytes,
            let request = Self.allCases.first(where: {
                message.elementsEqual($0.rawValue.utf8)
            })
        else { return nil }
        self = request
    }
}

/// What a runtime answers.
package enum ControlReply: Hashable, Sendable {
    case hello(RuntimeGreeting)
    case accepting
    /// The listening socket comes along.
    case socket
    case counters(ServingCounters)
    case draining
    /// It was not done, and why: one line.
    case error(String)

    /// How many descriptors come along.
    package var descriptors: Int { self == .socket ? 1 : 0 }

    package var encoded: [UInt8] {
        let text =
            switch self {
            case .hello(let greeting):
                "hello \(ControlProtocol.version) \(greeting.processID) \(greeting.state.rawValue) "
                    + "\(greeting.digest?.hex ?? "development") \(greeting.level.rawValue)"
            case .accepting: "accepting"
            case .socket: "socket"
            case .counters(let counters):
                "counters \(counters.requests) \(counters.errors) \(counters.busy) \(counters.restarts) "
                    + "\(counters.p50Microseconds) \(counters.p99Microseconds)"
                    + (counters.latencies.map { " \($0.words)" } ?? "")
            case .draining: "draining"
            case .error(let text): "error \(Self.line(text))"
            }
        return Array(text.utf8)
    }

    /// Reads a reply. Words behind those that are known are of a later minor of the protocol, and left alone.
    package init(_ message: [UInt8]) throws(ControlError) {
        guard message.count <= ControlProtocol.limitBytes, let text = String(validating: message, as: UTF8.self) else {
            throw .malformed("it is no short text")
        }
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        switch words[0] {
        case "hello": self = .hello(try Self.greeting(words))
        case "accepting": self = .accepting
        case "socket": self = .socket
        case "counters": self = .counters(try Self.counters(words))
        case "draining": self = .draining
        case "error": self = .error(Self.line(String(text.dropFirst("error ".count))))
        default: throw .malformed("it begins with no word of the protocol")
        }
    }

    private static func greeting(_ words: [Substring]) throws(ControlError) -> RuntimeGreeting {
        guard words.count > 1, let version = Int(words[1]) else { throw .malformed("it has no version") }
        guard version == ControlProtocol.version else { throw .otherVersion(version) }
        guard words.count >= 6, let process = Int32(words[2]), process > 0,
            let state = RuntimeState(rawValue: String(words[3])),
            let level = DigestLevel(rawValue: String(words[5]))
        else { throw .malformed("its greeting is not complete") }
        let digest = SHA256Digest(hex: words[4])
        guard digest != nil || words[4] == "development" else { throw .malformed("its digest is none") }
        return RuntimeGreeting(processID: process, state: state, digest: digest, level: level)
    }

    private static func counters(_ words: [Substring]) throws(ControlError) -> ServingCounters {
        let numbers = words.dropFirst().prefix(6).compactMap { Int($0) }
        guard numbers.count == 6, numbers.allSatisfy({ $0 >= 0 }) else { throw .malformed("its counters are none") }
        return ServingCounters(
            requests: numbers[0],
            errors: numbers[1],
            busy: numbers[2],
            restarts: numbers[3],
            p50Microseconds: numbers[4],
            p99Microseconds: numbers[5],
            latencies: LatencyCounts(words.dropFirst(7))
        )
    }

    /// One line that fits into a message, whatever an error's text holds.
    private static func line(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        var bytes = 0
        for scalar in text.unicodeScalars {
            let shown: Unicode.Scalar = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) ? " " : scalar
            bytes += UTF8.width(shown)
            guard bytes <= 1000 else { break }
            line.append(shown)
        }
        return String(line)
    }
}
