import Deployment
import Diagnostics
import Digest
import FleetProtocol
import Testing

@testable import Fleet

@Suite struct ViewsQueryTests {
    @Test func everyNameIsRead() throws {
        let query = try DeviceQuery([
            ("q", "line"), ("reachable", "no"), ("converged", "waitingFor(wave)"), ("healthy", "notServing"),
            ("label", "site=north"), ("label", "lamp"), ("running", "digits@3"), ("channel", "prod"),
            ("membership", "revoked"), ("sort", "lastSeen"), ("offset", "20"), ("limit", "500"),
        ])
        #expect(query.text == "line")
        #expect(query.reachable == .answer(.no))
        #expect(query.converged == .reason("waitingFor(wave)"))
        #expect(query.healthy == .reason("notServing"))
        #expect(query.labels.map(\.name) == ["site", "lamp"])
        #expect(query.labels.map(\.value) == ["north", nil])
        #expect(query.running?.text == "digits@3")
        #expect(query.channel == .prod)
        #expect(query.members == .revoked)
        #expect(query.order == .lastSeen)
        #expect(query.offset == 20 && query.limit == 500)
    }

    @Test func whatIsEmptyIsNotAskedFor() throws {
        let query = try DeviceQuery([
            ("q", ""), ("reachable", ""), ("label", ""), ("running", ""), ("membership", ""), ("sort", ""),
            ("offset", ""), ("limit", ""),
        ])
        #expect(query.text == nil && query.reachable == nil && query.labels.isEmpty && query.running == nil)
        #expect(query.members == nil && query.order == .worst && query.offset == 0 && query.limit == 100)
    }

    @Test(arguments: [
        ("reachible", "no"), ("", "x"), ("reachable", "perhaps"), ("reachable", "converged"), ("converged", "silent"),
        ("healthy", "waitingFor"), ("label", "UPPER=x"), ("label", "=x"), ("label", "site="), ("label", "a=b c"),
        ("running", "@3"), ("running", "digits@"), ("running", String(repeating: "x", count: 600)),
        ("membership", "gone"), ("sort", "best"), ("channel", "production"), ("offset", "-1"), ("offset", "1e3"),
        ("offset", "99999999999999999999999"), ("limit", "0"), ("limit", "501"), ("limit", "+5"), ("limit", " 5"),
        ("q", String(repeating: "q", count: 257)),
    ])
    func whatCannotBeIsAnError(_ name: String, _ value: String) {
        #expect(throws: QueryProblem.self) { try DeviceQuery([(name, value)]) }
    }

    @Test func errorsSayWhatIsMeant() throws {
        func problem(_ pairs: [(String, String)]) -> QueryProblem? {
            #expect(throws: QueryProblem.self) { try DeviceQuery(pairs) }
        }
        #expect(problem([("reachible", "no")])?.hint == "did you mean reachable?")
        #expect(problem([("converged", "rejectd")])?.hint == "did you mean rejected?")
        #expect(problem([("limit", "9000")])?.message == "limit=\"9000\" is no number from 1 to 500")
        #expect(problem([("sort", "id"), ("sort", "id")])?.message == "sort is given twice")
        #expect(problem([("\u{1B}[2J", "x")])?.message == "\"\\u{1B}[2J\" is nothing that can be asked for here")
        #expect(problem([("q", "x")] + [(String, String)](repeating: ("label", "a=b"), count: 17)) != nil)
        #expect(problem([("sort", "best")])?.message == "sort=\"best\" is none of worst, id, lastSeen")
        #expect(problem([("sort", "best")])?.exitCode == .usage)
    }

    @Test func eventsAndMetricsAreAskedForLikewise() throws {
        let query = try EventQuery([
            ("device", "line-3"), ("endpoint", "digits"), ("before", "90"), ("after", "3"), ("limit", "7"),
        ])
        #expect(query.device?.text == "line-3" && query.endpoint?.text == "digits")
        #expect(query.before == 90 && query.after == 3 && query.limit == 7)
        #expect(try EventQuery([]).limit == 100)
        #expect(try MetricsQuery([("hours", "24")]).hours == 24)
        #expect(try MetricsQuery([]).hours == 6)
        for pairs in [
            [("device", "a b")], [("endpoint", "..")], [("before", "x")], [("limit", "0")], [("since", "1")],
            [("after", "9223372036854775808")],
        ] {
            #expect(throws: QueryProblem.self) { try EventQuery(pairs) }
        }
        for value in ["0", "745", "x"] { #expect(throws: QueryProblem.self) { try MetricsQuery([("hours", value)]) } }
    }

    @Test func bundlesAreMeantByNameVersionOrDigest() throws {
        let bundle = StatusFixture.bundle(3)
        let hex = bundle.digest.hex
        for text in ["digits", "digits@3", hex, String(hex.prefix(6)), String(hex.prefix(12))] {
            #expect(try BundlePattern(text).matches(bundle), "\(text)")
        }
        for text in ["digit", "digits@", "digits@4", "digits@33", "3", String(hex.prefix(5)), String(hex.dropFirst())] {
            #expect((try? BundlePattern(text))?.matches(bundle) ?? false == false, "\(text)")
        }
        // A name may look like a digest.
        let cafe = BundleReport(digest: bundle.digest, name: "cafecafe", version: "1")
        #expect(try BundlePattern("cafecafe").matches(cafe))
        // A version that nobody knows is none that was asked for.
        let plain = BundleReport(digest: bundle.digest, name: "digits")
        #expect(try BundlePattern("digits").matches(plain))
        #expect(try !BundlePattern("digits@3").matches(plain))
        // What looks like two versions is a version with a sign in it.
        let odd = BundleReport(digest: bundle.digest, name: "digits", version: "3@x")
        #expect(try BundlePattern("digits@3@x").matches(odd))
    }
}
