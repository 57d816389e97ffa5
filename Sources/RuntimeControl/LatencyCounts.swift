/// How many predictions took how long: counts in classes of times.
package struct LatencyCounts: Hashable, Sendable {
    package struct Class: Hashable, Sendable {
        /// The longest time that is counted here, in microseconds; nil for all that are longer than every other class's.
        package var longest: Int?
        package var count: Int

        package init(longest: Int?, count: Int) {
            self.longest = longest
            self.count = count
        }
    }

    /// All times together, in microseconds.
    package var totalMicroseconds: Int
    /// Those that have any, the shortest first.
    package var classes: [Class]

    package init(totalMicroseconds: Int = 0, classes: [Class] = []) {
        self.totalMicroseconds = totalMicroseconds
        self.classes = classes
    }

    /// More than any runtime has.
    private static let mostClasses = 160
    private static let longestTime = 1 << 40

    /// Two words of a reply: all times together, and `LONGEST:COUNT` of each class, separated by commas.
    var words: String {
        let list = classes.map { "\($0.longest.map { "\($0)" } ?? "more"):\($0.count)" }
        return "\(totalMicroseconds) \(list.isEmpty ? "-" : list.joined(separator: ","))"
    }

    /// Nil where the words say something else.
    init?(_ words: some Collection<Substring>) {
        let words = words.prefix(2).map { $0 }
        guard words.count == 2, let total = Int(words[0]), total >= 0 else { return nil }
        totalMicroseconds = total
        classes = []
        guard words[1] != "-" else { return }
        let parts = words[1].split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= Self.mostClasses else { return nil }
        for part in parts {
            let numbers = part.split(separator: ":", omittingEmptySubsequences: false)
            guard numbers.count == 2, let count = Int(numbers[1]), count > 0 else { return nil }
            if let last = classes.last, last.longest == nil { return nil }
            if numbers[0] == "more" {
                classes.append(Class(longest: nil, count: count))
                continue
            }
            guard let longest = Int(numbers[0]), longest > classes.last?.longest ?? 0, longest <= Self.longestTime
            else {
                return nil
            }
            classes.append(Class(longest: longest, count: count))
        }
    }
}
