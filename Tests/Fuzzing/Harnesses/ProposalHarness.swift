internal import JSON
internal import UpdateFramework

extension FuzzHarness {
    static let proposals = FuzzHarness(
        "proposals",
        "a proposal as it travels, or as a script of its parts",
        limitBytes: 16_384
    ) { input in
        let isText = input.first == UInt8(ascii: "{")
        let parts = isText ? nil : ScriptedProposal(input)
        let read = try refusing(ProposalError.self) {
            try Proposal(parsing: parts?.bytes ?? input, place: "input")
        }
        guard var proposal = read else { return }
        let encoded = try proposal.encoded()
        let again = try Proposal(parsing: encoded, place: "again")
        try require(try again.encoded() == encoded, "another proposal after writing and reading")
        try require(again.saysTheSame(as: proposal), "a proposal says another thing after writing and reading")
        let reviewed = try refusingExplained { try proposal.review(pinned: parts?.pinned) }
        guard let review = reviewed else { return }
        try checkWords(review.notes + review.changes + review.standing.authorities.map(\.sentence))
        try checkSigning(&proposal, review, pinned: parts?.pinned)
    }

    /// Signing twice is once, a copy adds nothing, and who has signed isn't missed any more.
    private static func checkSigning(_ proposal: inout Proposal, _ review: Proposal.Review, pinned: [UInt8]?) throws {
        let signers = ScriptedKeys.made.signers
        let before = proposal
        let fresh = try proposal.sign(with: signers, after: review)
        let asked = review.authorities.flatMap(\.keys)
        try require(fresh.allSatisfy { asked.contains($0) }, "a key signs that isn't asked for")
        try require(try proposal.sign(with: signers, after: review).isEmpty, "a key signs twice")
        let standing = try proposal.review(pinned: pinned).standing
        for authority in standing.authorities {
            let left = authority.missing.filter { key in signers.contains { $0.key.json == key.json } }
            try require(left.isEmpty, "\(authority.name) misses a key that has signed")
        }
        var merged = before
        try merged.merge(proposal, by: review.authorities)
        try require(
            try merged.review(pinned: pinned).standing.isComplete == standing.isComplete,
            "signatures are lost when copies are merged"
        )
    }

    /// Strangers choose names and documents, and these words go to a terminal.
    private static func checkWords(_ sentences: [String]) throws {
        for sentence in sentences {
            let isPlain = sentence.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
            try require(isPlain, "a control character is shown: \(sentence.debugDescription)")
        }
    }
}

/// A proposal by its parts, signed here: sections as in `RepositoryScript`, called `root`, `delegator/ROLE`, `previous`,
/// `metadata/ROLE`, `document/PATH`, `attachment`, `assumed/ROLE`. The first root is the trusted one.
private struct ScriptedProposal {
    private(set) var bytes: [UInt8] = []
    private(set) var pinned: [UInt8]?

    init(_ input: [UInt8]) {
        var object: JSONObject = ["format": "edge-proposal-1"]
        var lists: [String: [JSONValue]] = [
            "roots": [], "delegators": [], "assumed": [], "documents": [], "attachments": [],
        ]
        for section in RepositoryScript.sections(of: input).prefix(24) {
            let words = section.title.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2 else { continue }
            let document =
                words[1] == "-" ? section.body : RepositoryScript.document(section.body, signers: words[1])
            let text = JSONValue.string(String(decoding: document, as: UTF8.self))
            let names = words[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = JSONValue.string(names.count == 2 ? names[1] : "")
            switch names[0] {
            case "root":
                lists["roots"]?.append(text)
                if pinned == nil { pinned = document }
            case "delegator": lists["delegators"]?.append(["role": name, "metadata": text])
            case "previous": object["previous"] = text
            case "metadata":
                object["role"] = name
                object["metadata"] = text
                let version = try? JSONValue.parse(document, limits: .document)["signed"]?["version"]
                object["version"] = version ?? 1
            case "document": lists["documents"]?.append(["path": name, "text": text])
            case "attachment": lists["attachments"]?.append(text)
            case "assumed": lists["assumed"]?.append(name)
            default: continue
            }
        }
        for (name, list) in lists { object[name] = .array(list) }
        bytes = JSONValue.object(object).compactBytes()
    }
}
