/// Where a private key is.
package enum KeySource: Sendable, Hashable {
    /// In a PEM file.
    case file(String)
    /// With a program, which is asked for signatures: the words of its command line.
    case command([String])
    /// The same, with the words in a file `NAME.exec`, and the public half in `NAME.pub` beside it.
    case commandFile(String)

    /// What a text begins with that names a command.
    package static let commandPrefix = "exec:"
    static let commandSuffix = ".exec"

    /// A path, or `exec:` and a command, whose words are split at spaces; no shell reads them. Nil for `exec:` alone.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.commandPrefix) else {
            self = text.hasSuffix(Self.commandSuffix) ? .commandFile(text) : .file(text)
            return
        }
        let words = Self.words(String(text.dropFirst(Self.commandPrefix.count)))
        guard !words.isEmpty else { return nil }
        self = .command(words)
    }

    static func words(_ text: String) -> [String] {
        text.split { $0 == " " || $0.isNewline }.map { String($0) }
    }

    /// As it was given.
    package var text: String {
        switch self {
        case .file(let path), .commandFile(let path): path
        case .command(let words): Self.commandPrefix + words.joined(separator: " ")
        }
    }
}
