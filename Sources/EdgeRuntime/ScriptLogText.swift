internal import Diagnostics

extension ScriptLogLine {
    /// For a log that people read: each line marked with where it comes from, and nothing in it that could steer a
    /// terminal. Only a traceback has several lines; a newline elsewhere is shown as `\n`, so that no text of a script's
    /// can look like a line of the supervisor's.
    var forPeople: String {
        let mark = (label.map { "\(source.rawValue) \($0.printable())" } ?? source.rawValue) + ": "
        let end = isCut ? " …" : ""
        guard source == .exception else { return mark + text.replacing("\t", with: "    ").printable() + end }
        // By scalars: CR LF is one character.
        return text.unicodeScalars.split(separator: "\n")
            .map { mark + String($0).replacing("\t", with: "    ").printable() }
            .joined(separator: "\n") + end
    }
}
