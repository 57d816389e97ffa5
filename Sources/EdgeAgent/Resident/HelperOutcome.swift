package import Deployment
package import Diagnostics
internal import JSON

/// What `edgeagent-sync` says of its work, in the last object that it prints.
package enum HelperOutcome: Hashable, Sendable {
    case done
    /// Something that says nothing about what was worked on; it may go better later.
    case failed(Circumstance, String)
    /// What operators signed is not what this box may take.
    case refused(String)
    /// What was fetched is not what was signed; it was thrown away.
    case damaged(String)
    case waiting(WaitingReason, String)

    /// What the helper printed is bounded by whoever read it.
    private static let limits = JSONLimits(bytes: 64 << 10, depth: 8, values: 1000)

    /// From all that a helper printed, errors in words included. A helper that was killed, or says nothing, has failed as
    /// a helper.
    package init(output: [UInt8], ended: String) {
        let lines = output.split(separator: UInt8(ascii: "\n"))
        do throws(JSONError) {
            guard let last = lines.last(where: { $0.first == UInt8(ascii: "{") }) else {
                let words = lines.last.map { String(decoding: $0.prefix(300), as: UTF8.self) }
                throw .unexpected(path: "", problem: words ?? "it printed nothing")
            }
            self = try Self(try JSONFields(try JSONValue.parse(last, limits: Self.limits), path: "outcome"))
        } catch {
            self = .failed(.helperKilled, "edgeagent-sync ended with \(ended): \(error.message)")
        }
    }

    private init(_ fields: JSONFields) throws(JSONError) {
        let sentence = try fields.optionalString("sentence") ?? ""
        switch try fields.string("outcome") {
        case "done": self = .done
        case "failed": self = .failed(try fields.choice("circumstance"), sentence)
        case "refused": self = .refused(sentence)
        case "damaged": self = .damaged(sentence)
        case "waiting": self = .waiting(try fields.choice("for"), sentence)
        default: throw fields.problem("outcome", "is not known")
        }
    }

    package var sentence: String {
        switch self {
        case .done: "done"
        case .failed(_, let words), .refused(let words), .damaged(let words), .waiting(_, let words): words
        }
    }

    /// What a command ends with that asked for it.
    package var exitCode: ExitCode {
        switch self {
        case .done: .done
        case .failed(.network, _): .unavailable
        case .failed(.disk, _): .ioError
        case .failed, .waiting: .tryAgain
        case .refused, .damaged: .dataError
        }
    }

    /// Why it is not done; nil where it is.
    var words: String? { self == .done ? nil : sentence }

    /// What new updates wait for after a look at the metadata that ended so; nil where it went well.
    package var waitingReason: WaitingReason? {
        switch self {
        case .done: nil
        case .failed(let circumstance, _): circumstance.waitingReason
        case .waiting(let reason, _): reason
        // The network is all that stands between the box and metadata that it could believe.
        case .refused, .damaged: .network
        }
    }

    /// As the result of a download.
    package var download: DownloadResult {
        switch self {
        case .done: .complete
        case .failed(let circumstance, _): .failed(circumstance)
        case .waiting(let reason, _): .waiting(reason)
        // Metadata is judged at Sync and contents at Verify: a fetch that refuses found an unusable source.
        case .refused, .damaged: .failed(.network)
        }
    }

    /// As the result of verifying.
    package var verification: VerifyResult {
        switch self {
        case .done: .verified
        // Verifying needs no network, so what it lacks has not been fetched, or has been lost since.
        case .failed(.network, let what): .damaged(what)
        case .failed(let circumstance, _): .failed(circumstance)
        case .waiting(.disk, _): .failed(.disk)
        case .waiting: .failed(.helperKilled)
        case .refused(let why): .refused(why)
        case .damaged(let what): .damaged(what)
        }
    }
}
