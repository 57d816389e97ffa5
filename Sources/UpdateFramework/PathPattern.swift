/// A pattern over target paths: `*` stands for any characters of one component and `?` for one of them; neither stands
/// for a `/`. All other characters, brackets too, stand for themselves (TUF 1.0.34 section 4.5, PATHPATTERN).
package struct PathPattern: Sendable, Equatable, Hashable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }

    /// Whether the whole path matches.
    package func matches(_ path: String) -> Bool {
        // All but the stars stand for one character each: what is longer than the path can't match, however many there are.
        guard text.unicodeScalars.lazy.filter({ $0 != "*" }).count <= path.unicodeScalars.count else { return false }
        let (patterns, parts) = (Self.components(of: text), Self.components(of: path))
        return patterns.count == parts.count && zip(patterns, parts).allSatisfy { Self.matches(Array($0), Array($1)) }
    }

    /// Whether a path below the folder `prefix` ("", "deployments" or "deployments/prod") can match.
    package func canMatch(below prefix: String) -> Bool {
        guard !prefix.isEmpty else { return true }
        let (patterns, parts) = (Self.components(of: text), Self.components(of: prefix))
        return patterns.count > parts.count && zip(patterns, parts).allSatisfy { Self.matches(Array($0), Array($1)) }
    }

    private static func components(of text: String) -> [Substring.UnicodeScalarView] {
        text.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
    }

    /// Matches one component. Goes back to the last `*` only, so that no pattern takes more than the product of the
    /// lengths.
    private static func matches(_ pattern: [Unicode.Scalar], _ text: [Unicode.Scalar]) -> Bool {
        var (at, place) = (0, 0)
        var star: (next: Int, place: Int)?
        while place < text.count {
            if at < pattern.count, pattern[at] == "*" {
                star = (at + 1, place)
                at += 1
            } else if at < pattern.count, pattern[at] == "?" || pattern[at] == text[place] {
                (at, place) = (at + 1, place + 1)
            } else if let last = star {
                star = (last.next, last.place + 1)
                (at, place) = (last.next, last.place + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == "*" }
    }
}
