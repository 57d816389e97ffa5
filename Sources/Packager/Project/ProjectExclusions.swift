/// Patterns of files and folders that stay out of a bundle, written as in a .gitignore file, without its `!` and `[…]`.
///
/// A pattern without a slash matches a name at any depth; with one it matches a path from the top of the folder. `*`
/// and `?` stay within a name, `**` stands for any number of folders. What matches a folder takes all that is in it.
package struct ProjectExclusions: Sendable, Equatable {
    /// What no bundle wants: compiled Python is made on the box, earlier bundles would have every build hold the one
    /// before, the others are droppings of tools.
    package static let always = ["__pycache__", "*.pyc", "*.bundle.tar.zst", ".git", ".DS_Store"]
    /// More patterns than this are refused.
    static let limit = 256

    /// As written in the project file, without those that always hold.
    package let patterns: [String]
    private let compiled: [Pattern]

    /// Throws why a pattern is refused.
    package init(_ patterns: [String] = []) throws(InvalidPattern) {
        self.patterns = patterns
        var compiled: [Pattern] = []
        for pattern in Self.always + patterns { compiled.append(try Pattern(pattern)) }
        self.compiled = compiled
    }

    /// Whether the file at this path, relative to the code or model folder, stays out.
    package func excludes(_ path: String) -> Bool {
        let names = path.split(separator: "/").map { Array($0.utf8) }
        return compiled.contains { $0.matches(names) }
    }

    /// A pattern that is refused.
    package struct InvalidPattern: Error, Equatable {
        package let pattern: String
        /// The end of a sentence about the pattern.
        package let reason: String
    }

    private struct Pattern: Sendable, Equatable {
        /// The parts between slashes; `**` is a part of its own.
        let parts: [[UInt8]]
        let isAnchored: Bool

        init(_ text: String) throws(InvalidPattern) {
            func refuse(_ reason: String) -> InvalidPattern { InvalidPattern(pattern: text, reason: reason) }
            let trimmed = text.hasSuffix("/") ? text.dropLast() : text[...]
            guard !trimmed.isEmpty, trimmed.utf8.count <= 1024 else { throw refuse("is empty or too long") }
            guard !text.hasPrefix("/") else { throw refuse("starts with a slash; patterns are relative already") }
            guard !text.contains(where: { "![]{}\\".contains($0) }) else {
                throw refuse("holds one of ! [ ] { } \\, only *, ** and ? are known")
            }
            let parts = trimmed.split(separator: "/", omittingEmptySubsequences: false)
            for part in parts {
                guard !part.isEmpty, part != ".", part != ".." else { throw refuse("has an empty part, . or ..") }
                guard part == "**" || !part.contains("**") else { throw refuse("has ** inside a name") }
            }
            self.parts = parts.map { Array($0.utf8) }
            isAnchored = parts.count > 1
        }

        func matches(_ names: [[UInt8]]) -> Bool {
            if !isAnchored, let part = parts.first {
                return names.contains { part.elementsEqual("**".utf8) || Self.matches($0[...], part[...]) }
            }
            // reached[n]: the parts so far match the first n names; one pass per part, so that no pattern is slow.
            var reached = [true] + [Bool](repeating: false, count: names.count)
            for part in parts {
                var next = [Bool](repeating: false, count: names.count + 1)
                if part.elementsEqual("**".utf8) {
                    var open = false
                    for count in 0...names.count {
                        open = open || reached[count]
                        next[count] = open
                    }
                } else {
                    for count in 0..<names.count where reached[count] {
                        next[count + 1] = Self.matches(names[count][...], part[...])
                    }
                }
                reached = next
            }
            // Any prefix will do: what matches a folder takes what is in it. `a/**` is about what is in `a` as well.
            return reached.dropFirst().contains(true)
        }

        /// A name against one part, with `*` and `?`, going back to the last star only.
        private static func matches(_ name: ArraySlice<UInt8>, _ part: ArraySlice<UInt8>) -> Bool {
            let (star, any) = (UInt8(ascii: "*"), UInt8(ascii: "?"))
            var (place, pattern) = (name.startIndex, part.startIndex)
            var retry: (place: Int, pattern: Int)?
            while place < name.endIndex {
                if pattern < part.endIndex, part[pattern] == star {
                    retry = (place, pattern)
                    pattern += 1
                } else if pattern < part.endIndex, part[pattern] == name[place] || part[pattern] == any {
                    // A question mark stands for a character, of which UTF-8's continuation bytes are a part.
                    place += 1
                    if part[pattern] == any {
                        while place < name.endIndex, name[place] & 0xC0 == 0x80 { place += 1 }
                    }
                    pattern += 1
                } else if let last = retry {
                    retry = (last.place + 1, last.pattern)
                    (place, pattern) = (last.place + 1, last.pattern + 1)
                } else {
                    return false
                }
            }
            return part[pattern...].allSatisfy { $0 == star }
        }
    }
}
