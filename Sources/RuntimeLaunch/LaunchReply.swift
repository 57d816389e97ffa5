/// What a launcher answers.
///
///     started 4711
///     layer user applied
///     layer cgroup absent no group was delegated to the launcher
///     …
///     containment reduced
///
/// or `failed STEP ERRNO TEXT`, where ERRNO is 0 for what no call of the system refused.
package enum LaunchReply: Hashable, Sendable {
    /// The runtime was executed. The number is the runtime's own, in the launcher's namespace of processes; its parent is
    /// not the agent.
    case started(processID: Int32, containment: ContainmentReport)
    /// Nothing runs.
    case failed(step: String, errno: Int32, text: String)

    /// The most bytes of a reply.
    package static let messageLimit = 8192

    package var message: [UInt8] {
        switch self {
        case .failed(let step, let errno, let text):
            return Array("failed \(step) \(errno) \(oneLine(text))".utf8)
        case .started(let processID, let containment):
            var lines = ["started \(processID)"]
            for layer in containment.layers {
                let reason = layer.reason.isEmpty ? "" : " " + oneLine(layer.reason)
                lines.append("layer \(layer.layer.rawValue) \(layer.state.rawValue)\(reason)")
            }
            lines.append("containment \(containment.summary.rawValue)")
            return Array(lines.joined(separator: "\n").utf8)
        }
    }

    /// - Throws: `badReply`.
    package init(message: [UInt8]) throws(LaunchError) {
        guard let text = String(validating: message, as: UTF8.self) else { throw .badReply("it is no UTF-8") }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let first = (lines.first ?? "").split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        switch first.first {
        case "failed":
            guard lines.count == 1, first.count == 4, let errno = Int32(first[2]) else {
                throw .badReply("a failure that is not understood")
            }
            self = .failed(step: String(first[1]), errno: errno, text: String(first[3]))
        case "started":
            guard first.count == 2, let processID = Int32(first[1]), processID > 0 else {
                throw .badReply("started without a process")
            }
            self = .started(processID: processID, containment: try Self.containment(lines.dropFirst()))
        default: throw .badReply("neither started nor failed")
        }
    }

    private static func containment(_ lines: ArraySlice<Substring>) throws(LaunchError) -> ContainmentReport {
        var layers: [ContainmentReport.Layer] = []
        for line in lines.dropLast() {
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            guard words.count >= 3, words[0] == "layer", let layer = ContainmentLayer(rawValue: String(words[1])),
                let state = ContainmentReport.State(rawValue: String(words[2]))
            else { throw .badReply("\(line.debugDescription) is no layer of containment") }
            layers.append(.init(layer, state, words.count > 3 ? String(words[3]) : ""))
        }
        let report = ContainmentReport(layers)
        guard layers.count == report.layers.count, lines.last == "containment \(report.summary.rawValue)" else {
            throw .badReply("its containment is not whole")
        }
        return report
    }
}

/// A text as part of a line, and not a long one.
private func oneLine(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(300).map { $0.value < 0x20 ? " " : $0 }))
}
