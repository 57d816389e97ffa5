import Digest
import RuntimeLaunch
import Testing

@Suite struct LaunchMessageTests {
    private static let digest = SHA256.digest(Array("bundle".utf8))

    private static func lines(_ changes: [String: String?] = [:], and more: [String] = []) -> [UInt8] {
        var lines = ["launch 1"]
        for (key, value) in [
            ("kind", "check"), ("endpoint", "digits"), ("slot", "green"), ("bundle", digest.hex),
        ] {
            if let value = changes[key, default: value] { lines.append("\(key) \(value)") }
        }
        return Array((lines + more).joined(separator: "\n").utf8)
    }

    @Test func aRequestIsReadAsItWasWritten() throws {
        var request = try LaunchRequest(
            .check,
            endpoint: "line-3.digits",
            slot: .green,
            bundle: Self.digest,
            required: [.landlock, .seccomp]
        )
        request.python = "/opt/python 3/bin/python"
        request.onnxRuntime = "/usr/lib/libonnxruntime.so.1"
        request.acceptance = .init(document: "acceptance/digits/1.2.json", data: Self.digest)
        request.memoryLimitBytes = 268_435_456
        #expect(try LaunchRequest(message: request.message) == request)
        #expect(request.message.count <= LaunchRequest.messageLimit)
    }

    @Test func theLeastRequestIsRead() throws {
        let request = try LaunchRequest(message: Self.lines())
        #expect(request == (try LaunchRequest(.check, endpoint: "digits", slot: .green, bundle: Self.digest)))
    }

    struct Refusal: Sendable {
        let message: [UInt8]
        let reason: String

        init(_ message: [UInt8], _ reason: String) {
            self.message = message
            self.reason = reason
        }
    }

    @Test(arguments: [
        Refusal([], "not in version 1"),
        Refusal(Array("launch 2".utf8), "not in version 1"),
        Refusal([0xC3, 0x28], "no UTF-8"),
        Refusal(Array(repeating: 0x61, count: 4097), "4097 bytes"),
        Refusal(lines(["kind": "shell"]), "no such kind"),
        Refusal(lines(["kind": nil]), "kind is missing"),
        Refusal(lines(["slot": "red"]), "no such slot"),
        Refusal(lines(["bundle": "../../etc"]), "no digest"),
        Refusal(lines(["bundle": String(repeating: "A", count: 64)]), "no digest"),
        Refusal(lines(["endpoint": "../digits"]), "no name of an endpoint"),
        Refusal(lines(["endpoint": "a/b"]), "no name of an endpoint"),
        Refusal(lines(["endpoint": "."]), "no name of an endpoint"),
        Refusal(lines(["endpoint": ""]), "no name of an endpoint"),
        Refusal(lines(["endpoint": String(repeating: "a", count: 65)]), "no name of an endpoint"),
        Refusal(lines(and: ["endpoint other"]), "stands twice"),
        Refusal(lines(and: ["program /bin/sh"]), "not known"),
        Refusal(lines(and: ["argument --listen"]), "not known"),
        Refusal(lines(and: ["environment LD_PRELOAD=/tmp/x.so"]), "not known"),
        Refusal(lines(and: ["generation /etc"]), "not known"),
        Refusal(lines(and: ["memory"]), "without a value"),
        Refusal(lines(and: [""]), "without a value"),
        Refusal(lines(and: ["memory 12"]), "1 MiB"),
        Refusal(lines(and: ["memory -1"]), "1 MiB"),
        Refusal(lines(and: ["memory +268435456"]), "1 MiB"),
        Refusal(lines(and: ["memory 99999999999999999999"]), "1 MiB"),
        Refusal(lines(and: ["python python3"]), "no plain absolute path"),
        Refusal(lines(and: ["python /usr/../tmp/python"]), "no plain absolute path"),
        Refusal(lines(and: ["python /usr//python"]), "no plain absolute path"),
        Refusal(lines(and: ["python /usr/\u{7F}python"]), "no plain absolute path"),
        Refusal(lines(and: ["onnxruntime /"]), "no plain absolute path"),
        Refusal(lines(and: ["require everything"]), "no layer"),
        Refusal(lines(and: ["acceptance /etc/passwd", "data \(digest.hex)"]), "no path of an acceptance document"),
        Refusal(lines(and: ["acceptance acceptance/../x", "data \(digest.hex)"]), "no path of an acceptance document"),
        Refusal(lines(and: ["acceptance acceptance/a/1.json"]), "data is missing"),
        Refusal(lines(and: ["data \(digest.hex)"]), "acceptance is missing"),
        Refusal(lines(and: ["acceptance acceptance/a/1.json", "data x"]), "data is no digest"),
        Refusal(
            lines(["kind": "serve"], and: ["acceptance acceptance/a/1.json", "data \(digest.hex)"]),
            "check alone"
        ),
    ])
    func aRequestThatIsNotOursIsRefused(_ refusal: Refusal) {
        #expect {
            try LaunchRequest(message: refusal.message)
        } throws: { error in
            guard case LaunchError.badRequest(let reason) = error else { return false }
            return reason.contains(refusal.reason)
        }
    }

    @Test func repliesAreReadAsTheyWereWritten() throws {
        let layers = ContainmentLayer.allCases.map { layer in
            ContainmentReport.Layer(
                layer,
                layer == .cgroup ? .absent : .applied,
                layer == .cgroup ? "no group here" : ""
            )
        }
        let started = LaunchReply.started(processID: 4711, containment: ContainmentReport(layers))
        #expect(try LaunchReply(message: started.message) == started)
        #expect(String(decoding: started.message, as: UTF8.self).hasSuffix("\ncontainment reduced"))
        let failed = LaunchReply.failed(step: "start", errno: 2, text: "no such file")
        #expect(try LaunchReply(message: failed.message) == failed)
    }

    @Test func aReasonCannotAddALine() throws {
        let report = ContainmentReport([
            .init(.user, .absent, "one\nlayer net applied\n" + String(repeating: "x", count: 500))
        ])
        let reply = LaunchReply.started(processID: 1, containment: report)
        guard case .started(_, let read) = try LaunchReply(message: reply.message) else {
            Issue.record("not started")
            return
        }
        #expect(read[.net].state == .absent)
        #expect(read[.user].reason.count == 300)
    }

    @Test(arguments: [
        "", "hello", "started", "started x", "started 0", "started -4", "started 12", "failed", "failed a b c",
        "failed a 1", "started 12\nlayer user applied\ncontainment full", "failed a 1 text\nmore",
    ])
    func aReplyThatIsNotOursIsRefused(_ text: String) {
        #expect(throws: LaunchError.self) { try LaunchReply(message: Array(text.utf8)) }
    }
}

@Suite struct ContainmentReportTests {
    private static func report(_ states: [ContainmentLayer: ContainmentReport.State]) -> ContainmentReport {
        ContainmentReport(ContainmentLayer.allCases.map { .init($0, states[$0] ?? .absent) })
    }

    @Test func fullNeedsEveryLayer() {
        let all = Dictionary(
            uniqueKeysWithValues: ContainmentLayer.allCases.map { ($0, ContainmentReport.State.applied) }
        )
        #expect(Self.report(all).summary == .full)
        for layer in ContainmentLayer.allCases {
            #expect(Self.report(all.merging([layer: .partial]) { $1 }).summary == .reduced, "\(layer)")
            #expect(Self.report(all.merging([layer: .absent]) { $1 }).summary == .reduced, "\(layer)")
        }
    }

    @Test func limitsAloneAreNoContainment() {
        let weak: [ContainmentLayer: ContainmentReport.State] = [
            .limits: .applied, .noNewPrivileges: .applied, .cgroup: .applied, .devices: .applied,
        ]
        #expect(Self.report(weak).summary == .none)
        #expect(Self.report(weak.merging([.seccomp: .applied]) { $1 }).summary == .reduced)
        #expect(Self.report(weak.merging([.user: .partial]) { $1 }).summary == .reduced)
    }

    @Test func whatIsNotReportedIsAbsent() {
        #expect(ContainmentReport([]).layers.count == ContainmentLayer.allCases.count)
        #expect(ContainmentReport([])[.net].state == .absent)
    }
}
