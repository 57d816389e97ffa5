/// The "did you mean" of error messages: the known name that a mistyped word most likely stands for.
package enum NearestName {
    /// Longer words are nobody's typing error, and the comparison costs the product of the lengths.
    private static let longestWord = 64

    /// The candidate nearest to a word, or nil where none is near enough to be worth a guess.
    ///
    /// Near enough means at most one edit per three characters of the word, rounded to the nearest, at least one; of equally near
    /// candidates the first wins, so that the answer depends on the order of declaration alone.
    package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let typed = Array(word.lowercased())
        guard !typed.isEmpty, typed.count <= longestWord else { return nil }
        let allowed = max(1, (typed.count + 1) / 3)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let known = Array(candidate.lowercased())
            guard known.count <= longestWord, abs(known.count - typed.count) <= allowed else { continue }
            let distance = editDistance(typed, known)
            if distance <= allowed, distance < best?.distance ?? Int.max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, each one edit.
    static func editDistance(_ left: [Character], _ right: [Character]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var twoBack = [Int](repeating: 0, count: right.count + 1)
        var previous = Array(0...right.count)
        var current = previous
        for row in 1...left.count {
            current[0] = row
            for column in 1...right.count {
                let substitution = previous[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
                var cost = min(previous[column] + 1, current[column - 1] + 1, substitution)
                let swapped = row > 1 && column > 1 && left[row - 1] == right[column - 2]
                if swapped, left[row - 2] == right[column - 1] { cost = min(cost, twoBack[column - 2] + 1) }
                current[column] = cost
            }
            (twoBack, previous, current) = (previous, current, twoBack)
        }
        return previous[right.count]
    }
}
