internal import Diagnostics

/// Rows under headings, aligned in columns two spaces apart; control characters in cells are made visible.
package struct TextTable: Sendable {
    package struct Column: Sendable {
        let heading: String
        let isNumeric: Bool

        /// Text, aligned to the left.
        package static func text(_ heading: String) -> Column { Column(heading: heading, isNumeric: false) }
        /// Numbers, aligned to the right.
        package static func number(_ heading: String) -> Column { Column(heading: heading, isNumeric: true) }
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row; cells that are missing at its end are empty.
    package mutating func add(_ cells: String...) {
        add(cells)
    }

    /// Adds a row; cells that are missing at its end are empty.
    package mutating func add(_ cells: [String]) {
        let padding = [String](repeating: "", count: max(columns.count - cells.count, 0))
        rows.append((cells.prefix(columns.count) + padding).map { $0.printable() })
    }

    package var isEmpty: Bool { rows.isEmpty }

    /// The lines, each with its newline and without spaces at its end.
    package func rendered() -> String {
        let headings = columns.map(\.heading)
        let lines = headings.allSatisfy(\.isEmpty) ? rows : [headings] + rows
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for cells in lines {
            var line = ""
            for (column, cell) in cells.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += (column == 0 ? "" : "  ") + (columns[column].isNumeric ? padding + cell : cell + padding)
            }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        return text
    }
}
