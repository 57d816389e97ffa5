extension PathPattern {
    /// Whether there is a path that both match.
    package func overlaps(_ other: PathPattern) -> Bool {
        let (left, right) = (symbols, other.symbols)
        return left.count == right.count
            && zip(left, right).allSatisfy { left, right in
                Self.isReachable(left.count, right.count) { row, column, reach in
                    if row < left.count, left[row] == "*" { reach(row + 1, column) }
                    if column < right.count, right[column] == "*" { reach(row, column + 1) }
                    guard row < left.count, column < right.count else { return }
                    // A star takes whatever the other one has there.
                    if left[row] == "*" { reach(row, column + 1) }
                    if right[column] == "*" { reach(row + 1, column) }
                    let isSame = left[row] == right[column] || left[row] == "?" || right[column] == "?"
                    if isSame, left[row] != "*", right[column] != "*" { reach(row + 1, column + 1) }
                }
            }
    }

    /// Whether every path that `other` matches is matched by this one. May miss that where a pattern is written in an
    /// unusual way, such as `?*`; never says so where it is not.
    package func contains(_ other: PathPattern) -> Bool {
        let (left, right) = (symbols, other.symbols)
        return left.count == right.count
            && zip(left, right).allSatisfy { left, right in
                Self.isReachable(left.count, right.count) { row, column, reach in
                    guard row < left.count else { return }
                    if left[row] == "*" { reach(row + 1, column) }
                    guard column < right.count else { return }
                    if left[row] == "*" { reach(row, column + 1) }
                    let isSame = left[row] == right[column] || (left[row] == "?" && right[column] != "*")
                    if isSame, left[row] != "*" { reach(row + 1, column + 1) }
                }
            }
    }

    private var symbols: [[Unicode.Scalar]] {
        text.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false).map(Array.init)
    }

    /// Whether the last of a table's cells can be reached from the first, by steps down and to the right.
    private static func isReachable(
        _ rows: Int,
        _ columns: Int,
        _ step: (_ row: Int, _ column: Int, _ reach: (Int, Int) -> Void) -> Void
    ) -> Bool {
        var reached = Array(repeating: Array(repeating: false, count: columns + 1), count: rows + 1)
        reached[0][0] = true
        for row in 0...rows {
            for column in 0...columns where reached[row][column] {
                step(row, column) { row, column in
                    if row <= rows, column <= columns { reached[row][column] = true }
                }
            }
        }
        return reached[rows][columns]
    }
}
