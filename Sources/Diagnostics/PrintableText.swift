extension String {
    /// The text with everything visible, so that a name from a file or a stranger can't steer the terminal or show
    /// other letters than it has: control characters, invisible formatting such as the marks that turn the direction
    /// of writing, and what Unicode does not assign appear as `\u{1B}`, `\n` or `\t`. Newlines and tabs stay where
    /// `keepingLines` says so.
    package func printable(keepingLines: Bool = false) -> String {
        guard unicodeScalars.contains(where: \.isUnseen) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            let stays = keepingLines && (scalar == "\n" || scalar == "\t")
            if stays || !scalar.isUnseen {
                result.unicodeScalars.append(scalar)
            } else if scalar == "\n" || scalar == "\t" {
                result += scalar == "\n" ? "\\n" : "\\t"
            } else {
                result += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            }
        }
        return result
    }

    /// A name from outside for a message: in quotes, printable, cut where it is very long.
    package var quotedName: String { "\"\(String(String.UnicodeScalarView(unicodeScalars.prefix(200))).printable())\"" }
}

extension Unicode.Scalar {
    fileprivate var isUnseen: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: true
        default: false
        }
    }
}
