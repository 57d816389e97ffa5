import Deployment
import Testing

@Suite struct SelectorTests {
    @Test(arguments: [
        "site=oslo", "role!=lab", "gpu", "!gpu", "zone in (a,b)", "zone notin (a)", "site=oslo,role!=lab",
        "site=oslo | site=bergen", "a=1,b=2 | c=3", "(a=1 | b=2),c=3", "!(a=1,b=2)", "!(!a)", "*", "local.bench",
        "in=3", "notin", "a/b.c-d_e=X:1/2+3@4-5", "(a | b) | c",
    ])
    func textReadsBackAsItself(_ text: String) throws {
        #expect(try Selector(text: text).description == text)
    }

    @Test(arguments: [
        ("  site = oslo , role != lab ", "site=oslo,role!=lab"), ("site==oslo", "site=oslo"), ("((a))", "a"),
        ("zone in(a , b)", "zone in (a,b)"), ("! a", "!a"), ("!(a=1)", "a!=1"), ("a|b", "a | b"),
    ])
    func readsLooseSpelling(_ text: String, _ expected: String) throws {
        #expect(try Selector(text: text).description == expected)
    }

    @Test(arguments: [
        ("", 0, "a label's name"), ("site=", 5, "a label's value"), ("=oslo", 0, "a label's name"),
        ("site=oslo,", 10, "a label's name"), ("site=oslo role=lab", 10, "a comma, a bar or the end"),
        ("zone in", 7, "values in parentheses"), ("zone in ()", 9, "a label's value"),
        ("zone in (a", 10, "a comma or a closing parenthesis"), ("(a", 2, "a closing parenthesis"),
        ("a)", 1, "a comma, a bar or the end"), ("Site=oslo", 0, "a label's name"), ("-a", 0, "a label's name"),
        ("a=\"b\"", 2, "a label's value"), ("*,a", 1, "a comma, a bar or the end"),
        ("a inside (b)", 2, "a comma, a bar or the end"),
        ("((((((((a))))))))", 8, "at most 8 levels"), ("!(!(!(!(!(!(!(a))))))),b", 24, "at most 8 levels"),
    ])
    func saysWhereATextIsNoSelector(_ text: String, _ offset: Int, _ expected: String) {
        let error = #expect(throws: SelectorError.self) { try Selector(text: text) }
        #expect(error?.offset == offset)
        #expect(error?.expected == expected)
    }

    @Test func refusesMoreClausesThanItsLimit() throws {
        let most = Array(repeating: "a", count: Selector.mostClauses)
        #expect(throws: Never.self) { try Selector(text: most.joined(separator: ",")) }
        #expect(throws: SelectorError.self) { try Selector(text: (most + ["a"]).joined(separator: ",")) }
        #expect(throws: SelectorError.self) { try Selector(text: String(repeating: "a", count: 16_385)) }
    }

    struct Match: Sendable, CustomTestStringConvertible {
        let selector: String
        let labels: [String: String]
        /// The clauses that fail, in words; none for a match.
        let fails: [String]

        init(_ selector: String, _ labels: [String: String], _ fails: String...) {
            self.selector = selector
            self.labels = labels
            self.fails = fails
        }

        var testDescription: String { "\(selector) on \(labels)" }
    }

    @Test(arguments: [
        Match("site=oslo", ["site": "oslo"]),
        Match("site=oslo", ["site": "bergen"], "site=oslo is not met: site is bergen"),
        Match("site=oslo", [:], "site=oslo is not met: site is not set"),
        Match("site!=oslo", ["site": "bergen"]),
        Match("site!=oslo", [:]),
        Match("site!=oslo", ["site": "oslo"], "site!=oslo is not met: site is oslo"),
        Match("zone in (a,b)", ["zone": "b"]),
        Match("zone in (a,b)", ["zone": "c"], "zone in (a,b) is not met: zone is c"),
        Match("zone in (a,b)", [:], "zone in (a,b) is not met: zone is not set"),
        Match("zone notin (a,b)", ["zone": "c"]),
        Match("zone notin (a,b)", [:]),
        Match("zone notin (a,b)", ["zone": "a"], "zone notin (a,b) is not met: zone is a"),
        Match("gpu", ["gpu": "1"]),
        Match("gpu", [:], "gpu is not met: gpu is not set"),
        Match("!gpu", [:]),
        Match("!gpu", ["gpu": "1"], "!gpu is not met: gpu is 1"),
        Match("site=oslo,role!=lab", ["site": "oslo", "role": "line"]),
        Match("site=oslo,role!=lab", ["site": "oslo", "role": "lab"], "role!=lab is not met: role is lab"),
        Match(
            "site=oslo,role!=lab",
            ["role": "lab"],
            "site=oslo is not met: site is not set",
            "role!=lab is not met: role is lab"
        ),
        Match("site=oslo | site=bergen", ["site": "bergen"]),
        Match(
            "site=oslo | gpu",
            ["site": "narvik"],
            "site=oslo is not met: site is narvik",
            "gpu is not met: gpu is not set"
        ),
        Match("!(a=1,b=2)", ["a": "1", "b": "3"]),
        Match("!(a=1,b=2)", ["a": "1", "b": "2"], "!(a=1,b=2) is not met"),
        Match("*", [:]),
    ])
    func namesTheClausesThatFail(_ match: Match) throws {
        let selector = try Selector(text: match.selector)
        for channel in Channel.allCases {
            let found = selector.mismatches(try labels(match.labels), in: channel)
            #expect(found.map(\.sentence) == match.fails)
        }
    }

    @Test(
        arguments: [
            ("local.bench", ["local.bench": "yes"], true, false),
            ("local.bench=yes", ["local.bench": "yes"], true, false),
            ("local.a in (1,2)", ["local.a": "1"], true, false),
            ("site=oslo | local.bench", ["site": "bergen", "local.bench": "yes"], true, false),
            ("site=oslo | local.bench", ["site": "oslo", "local.bench": "yes"], true, true),
            ("site=oslo,!local.busy", ["site": "oslo"], true, true),
            ("site=oslo,!local.busy", ["site": "oslo", "local.busy": "yes"], false, false),
            ("local.role!=lab", ["local.role": "lab"], false, false),
            ("local.role!=lab", ["local.role": "line"], true, true),
            ("!(!local.bench)", ["local.bench": "yes"], true, false),
            ("locality=oslo", ["locality": "oslo"], true, true),
        ] as [(String, [String: String], Bool, Bool)]
    )
    func localLabelsNeverWidenAProdSelector(
        _ text: String,
        _ texts: [String: String],
        _ inStaging: Bool,
        _ inProd: Bool
    ) throws {
        let selector = try Selector(text: text)
        let labels = try labels(texts)
        #expect(selector.mismatches(labels, in: .staging).isEmpty == inStaging)
        #expect(selector.mismatches(labels, in: .dev).isEmpty == inStaging)
        #expect(selector.mismatches(labels, in: .prod).isEmpty == inProd)
    }

    @Test func saysThatALocalLabelDoesNotCount() throws {
        let found = try Selector(text: "local.bench").mismatches(try labels(["local.bench": "yes"]), in: .prod)
        #expect(
            found.map(\.sentence) == [
                "local.bench is met by a local label only, which never widens a prod selector"
            ]
        )
    }

    @Test(arguments: ["", "A", "a b", "-a", "a-", ".a", "a=", String(repeating: "a", count: 64)])
    func refusesWhatIsNoLabelName(_ text: String) { #expect(LabelName(text) == nil) }

    @Test(arguments: ["", "a b", "a,b", "a)", "é", "a\n", String(repeating: "a", count: 129)])
    func refusesWhatIsNoLabelValue(_ text: String) { #expect(LabelValue(text) == nil) }
}
