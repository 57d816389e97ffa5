internal import Digest
internal import JSON
internal import UpdateFramework
internal import WallClock

/// A repository that changes, as text that survives being mutated: what is signed comes from the input, the signatures are
/// made here.
///
/// A line `%% NAME SIGNERS` begins a file, `%% targets/NAME -` one below the base of targets, and `%% update SECONDS` has a
/// client update from what stands before it, so long after noon of 20 November 2026; the end does too. SIGNERS are digits
/// of the keys that sign; `-` serves the text as it stands. In what is signed, `"#3"` stands for the id of key 3, `"@3"`
/// for the key, `"=TEXT"` for the SHA-256 of TEXT, and `"^NAME"` for that of a file above.
struct RepositoryScript {
    /// What is served during one update.
    struct State {
        var files: [String: [UInt8]] = [:]
        var targetFiles: [String: [UInt8]] = [:]
        var seconds: Int64
    }

    private(set) var states: [State] = []

    private static let noon = UTCTime("2026-11-20T12:00:00Z")?.seconds ?? 0
    private static let stateLimit = 4
    private static let fileLimit = 32
    private static let targetsFolder = "targets/"

    init(_ input: [UInt8]) {
        var current = State(seconds: Self.noon)
        var files = 0
        for section in Self.sections(of: input) {
            let words = section.title.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2, states.count < Self.stateLimit, files < Self.fileLimit else { continue }
            let (name, argument) = (String(words[0]), words[1])
            if name == "update" {
                current.seconds = Self.noon + (Int64(argument).map { min(max($0, -(1 << 40)), 1 << 40) } ?? 0)
                states.append(current)
            } else if name.hasPrefix(Self.targetsFolder) {
                current.targetFiles[String(name.dropFirst(Self.targetsFolder.count))] = section.body
            } else {
                files += 1
                current.files[name] =
                    argument == "-" ? section.body : Self.document(section.body, signers: argument, current.files)
            }
        }
        if states.count < Self.stateLimit { states.append(current) }
    }

    /// Titles and what stands below them, without the line feed before the next title.
    static func sections(of input: [UInt8]) -> [(title: String, body: [UInt8])] {
        var sections: [(title: String, body: [UInt8])] = []
        for line in input.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if line.starts(with: Array("%% ".utf8)) {
                sections.append((String(decoding: line.dropFirst(3), as: UTF8.self), []))
            } else if let last = sections.indices.last {
                if !sections[last].body.isEmpty { sections[last].body.append(0x0A) }
                sections[last].body += line
            }
        }
        return sections
    }

    /// The file around what is signed. What is no JSON, or has no canonical form, stands there all the same, unsigned.
    static func document(
        _ text: [UInt8],
        signers: Substring,
        _ files: [String: [UInt8]] = [:]
    ) -> [UInt8] {
        let signed = filled(text, files)
        var signatures: [String] = []
        if let value = try? JSONValue.parse(signed, limits: .document),
            let message = try? value.canonicalBytes(.olpc)
        {
            for signer in signers.prefix(4).compactMap(\.wholeNumberValue) where signer < ScriptedKeys.count {
                guard let signature = ScriptedKeys.made.signature(of: message, by: signer) else { continue }
                signatures.append(#"{"keyid":"\#(ScriptedKeys.made.ids[signer])","sig":"\#(signature)"}"#)
            }
        }
        return Array(#"{"signatures":[\#(signatures.joined(separator: ","))],"signed":"#.utf8) + signed
            + [UInt8(ascii: "}")]
    }

    /// The text with keys and digests in the place of what stands for them.
    private static func filled(_ text: [UInt8], _ files: [String: [UInt8]]) -> [UInt8] {
        var filled: [UInt8] = []
        let quote = UInt8(ascii: "\"")
        var isQuoteTaken = false
        // Every second piece stands between quotes.
        for (index, piece) in text.split(separator: quote, omittingEmptySubsequences: false).enumerated() {
            if index > 0, !isQuoteTaken { filled.append(quote) }
            isQuoteTaken = false
            guard !index.isMultiple(of: 2), let mark = piece.first else {
                filled += piece
                continue
            }
            let name = String(decoding: piece.dropFirst(), as: UTF8.self)
            let key = name.utf8.count == 1 ? Int(name).flatMap { $0 < ScriptedKeys.count ? $0 : nil } : nil
            switch (mark, key) {
            case (UInt8(ascii: "#"), let key?): filled += Array(ScriptedKeys.made.ids[key].utf8)
            case (UInt8(ascii: "@"), let key?):
                filled.removeLast()
                filled += ScriptedKeys.made.objects[key]
                isQuoteTaken = true
            case (UInt8(ascii: "="), _): filled += Array(SHA256.digest(Array(name.utf8)).hex.utf8)
            case (UInt8(ascii: "^"), _): filled += Array(SHA256.digest(files[name] ?? []).hex.utf8)
            default: filled += piece
            }
        }
        return filled
    }
}
