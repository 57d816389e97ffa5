/// Filling of running text, for help pages and whatever else is told in sentences.
package enum TextLayout {
    /// The text in lines of at most `width` columns; a longer word gets a line of its own.
    package static func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            if line.isEmpty {
                line = String(word)
            } else if line.count + 1 + word.count <= width {
                line += " " + word
            } else {
                lines.append(line)
                line = String(word)
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }

    /// Terms on the left, their explanations filled on the right; a long term stands on a line of its own.
    static func definitions(_ rows: [(term: String, text: String)], width: Int) -> String {
        let indent = 2
        let longest = rows.map(\.term.count).filter { $0 <= 26 }.max() ?? 0
        let column = indent + longest + 2
        let margin = String(repeating: " ", count: column)
        var result = ""
        for (term, text) in rows {
            let lines = wrap(text, width: max(width - column, 20))
            var first = String(repeating: " ", count: indent) + term
            if term.count > longest, !lines.isEmpty {
                result += first + "\n"
                first = ""
            }
            if lines.isEmpty { result += first + "\n" }
            for (number, line) in lines.enumerated() {
                let start = number == 0 ? first : ""
                result += start + margin.dropFirst(start.count) + line + "\n"
            }
        }
        return result
    }
}
