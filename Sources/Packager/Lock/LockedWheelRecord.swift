/// RECORD of an unpacked wheel: path, hash and size of every file it brought.
struct LockedWheelRecord: Equatable {
    struct Row: Equatable {
        let path: String
        let hash: String
        let size: String
    }

    /// Without the rows of what is no longer there, and without RECORD itself, in the order of their paths' bytes.
    let rows: [Row]
    private let folder: String

    /// Reads the text (CSV, RFC 4180) of `folder/RECORD` and keeps the rows that `isThere` confirms.
    init(_ text: String, folder: String, isThere: (String) -> Bool) throws(WheelError) {
        self.folder = folder
        var rows: [Row] = []
        var seen: Set<String> = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            if line.isEmpty { continue }
            let cells = Self.cells(line)
            guard let cells, cells.count == 3 else { throw WheelError.malformedRecord(folder: folder, line: index + 1) }
            let path = cells[0]
            guard path != "\(folder)/RECORD", isThere(path), seen.insert(path).inserted else { continue }
            rows.append(Row(path: path, hash: cells[1], size: cells[2]))
        }
        self.rows = rows.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    /// The file as a pure function of the rows; its own line has no hash, as the format demands.
    var text: String {
        let own = Row(path: "\(folder)/RECORD", hash: "", size: "")
        let sorted = (rows + [own]).sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        return sorted.map { "\(Self.quoted($0.path)),\($0.hash),\($0.size)\n" }.joined()
    }

    /// The cells of one line, or nil where its quotes don't match. Names with line ends in them are refused that way.
    private static func cells(_ line: Substring) -> [String]? {
        var cells = [""]
        var isQuoted = false
        var characters = line[...]
        while let character = characters.popFirst() {
            switch character {
            case "\"" where isQuoted && characters.first == "\"":
                cells[cells.count - 1].append("\"")
                characters.removeFirst()
            case "\"": isQuoted.toggle()
            case "," where !isQuoted: cells.append("")
            default: cells[cells.count - 1].append(character)
            }
        }
        return isQuoted ? nil : cells
    }

    private static func quoted(_ path: String) -> String {
        guard path.contains(where: { $0 == "," || $0 == "\"" }) else { return path }
        return "\"" + path.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }
}
