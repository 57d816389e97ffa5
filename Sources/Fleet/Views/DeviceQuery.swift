package import Deployment
internal import Diagnostics
internal import Digest
internal import FleetProtocol

/// Which devices are asked for: `q`, `reachable`, `converged`, `healthy`, `label` (several), `running`, `channel`,
/// `membership`, `sort`, `offset`, `limit`.
package struct DeviceQuery: Sendable {
    package enum Order: String, CaseIterable, Sendable {
        /// Whoever needs somebody most first, then by id.
        case worst
        case id
        /// Who was heard of longest ago first; who never was, before all.
        case lastSeen
    }

    /// Which devices count at all; without one, all but the decommissioned.
    package enum Members: String, CaseIterable, Sendable {
        case enrolled, revoked, decommissioned, all
    }

    package static let limits = 1...500
    package static let defaultLimit = 100
    /// Rows of a page are fewer where their endpoints are more than this.
    static let endpointsOfPage = 5000

    /// What an answer must be: `no`, or a reason such as `silent`, `rejected`, `waitingFor(wave)`, `waitingFor`.
    package enum Wanted: Hashable, Sendable {
        case answer(StatusAnswerKind)
        case reason(String)
        case anyWaitingFor
    }

    package struct Label: Hashable, Sendable {
        package var name: String
        /// Nil for any.
        package var value: String?
    }

    package var text: String?
    package var reachable: Wanted?
    package var converged: Wanted?
    package var healthy: Wanted?
    package var labels: [Label] = []
    package var running: BundlePattern?
    package var channel: Channel?
    package var members: Members?
    package var order = Order.worst
    package var offset = 0
    package var limit = DeviceQuery.defaultLimit

    package init() {}

    /// From the names and values of a URL's query or of a command line.
    package init(_ pairs: [(String, String)]) throws(QueryProblem) {
        let pairs = try QueryPairs(
            pairs,
            once: [
                "q", "reachable", "converged", "healthy", "running", "channel", "membership", "sort", "offset",
                "limit",
            ],
            several: ["label"]
        )
        text = pairs["q"]
        reachable = try Self.wanted(pairs, "reachable", ReachableReason.allCases.map(\.code))
        converged = try Self.wanted(pairs, "converged", ConvergedReason.allCases.map(\.code))
        healthy = try Self.wanted(pairs, "healthy", HealthyReason.allCases.map(\.code))
        for text in pairs.all("label") { labels.append(try Self.label(text)) }
        if let text = pairs["running"] { running = try BundlePattern(text) }
        channel = try pairs.choice("channel", of: Channel.self)
        members = try pairs.choice("membership", of: Members.self)
        order = try pairs.choice("sort", of: Order.self) ?? .worst
        offset = Int(try pairs.number("offset", in: 0...10_000_000) ?? 0)
        limit =
            try pairs.number("limit", in: Int64(Self.limits.lowerBound)...Int64(Self.limits.upperBound)).map { Int($0) }
            ?? Self.defaultLimit
    }

    private static func wanted(
        _ pairs: QueryPairs,
        _ name: String,
        _ reasons: [String]
    ) throws(QueryProblem) -> Wanted? {
        guard let text = pairs[name] else { return nil }
        // `unknown` is an answer and a reason, and both mean the same.
        if let answer = StatusAnswerKind(rawValue: text) { return .answer(answer) }
        if reasons.contains(text) { return .reason(text) }
        if name == "converged", text == "waitingFor" { return .anyWaitingFor }
        let answers = StatusAnswerKind.allCases.map(\.rawValue)
        let near = NearestName.nearest(to: text, among: answers + reasons)
        throw QueryProblem(
            "\(name)=\(text.quotedName) is no answer and no reason",
            hint: near.map { "did you mean \($0)?" } ?? "known are \((answers + reasons).joined(separator: ", "))"
        )
    }

    private static func label(_ text: String) throws(QueryProblem) -> Label {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count == 2 ? String(parts[1]) : nil
        guard LabelName(String(parts[0])) != nil, value.map({ LabelValue($0) != nil }) ?? true else {
            throw QueryProblem("label=\(text.quotedName) is no label such as site=north")
        }
        return Label(name: String(parts[0]), value: value)
    }
}

/// Bundles by name, by name and version, or by the beginning of their digest.
package struct BundlePattern: Hashable, Sendable {
    /// Fewer digits of a digest are no help.
    static let shortestPrefix = 6

    package let text: String
    private let name: String
    private let version: String?
    private let prefix: String?

    /// From `NAME`, `NAME@VERSION` or at least six of the digest's digits.
    package init(_ text: String) throws(QueryProblem) {
        guard (1...513).contains(text.utf8.count), !text.hasPrefix("@"), !text.hasSuffix("@") else {
            throw QueryProblem(
                "\(text.quotedName) is no bundle",
                hint: "give NAME@VERSION, NAME, or at least \(Self.shortestPrefix) digits of the digest"
            )
        }
        self.text = text
        let parts = text.split(separator: "@", maxSplits: 1)
        name = String(parts[0])
        version = parts.count == 2 ? String(parts[1]) : nil
        let isHex = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
        prefix = isHex && (Self.shortestPrefix...2 * SHA256Digest.length).contains(text.utf8.count) ? text : nil
    }

    func matches(_ bundle: BundleReport) -> Bool {
        if bundle.name == name, version == nil || bundle.version == version { return true }
        guard let prefix else { return false }
        return bundle.digest.hex.hasPrefix(prefix)
    }
}

/// Which events are asked for: `device`, `endpoint`, `before`, `after`, `limit`.
package struct EventQuery: Hashable, Sendable {
    package static let limits = 1...500

    package var device: DeviceID?
    package var endpoint: EndpointName?
    package var before: Int64?
    package var after: Int64?
    package var limit = 100

    package init() {}

    package init(_ pairs: [(String, String)]) throws(QueryProblem) {
        let pairs = try QueryPairs(pairs, once: ["device", "endpoint", "before", "after", "limit"])
        device = try pairs.device("device")
        endpoint = try pairs.endpoint("endpoint")
        before = try pairs.number("before", in: 0...Int64.max)
        after = try pairs.number("after", in: 0...Int64.max)
        if let number = try pairs.number(
            "limit",
            in: Int64(Self.limits.lowerBound)...Int64(Self.limits.upperBound)
        ) {
            limit = Int(number)
        }
    }
}

/// How much of a device's numbers is asked for: `hours`.
package struct MetricsQuery: Hashable, Sendable {
    package var hours = 6

    package init() {}

    package init(_ pairs: [(String, String)]) throws(QueryProblem) {
        let pairs = try QueryPairs(pairs, once: ["hours"])
        hours = Int(try pairs.number("hours", in: 1...744) ?? 6)
    }
}
