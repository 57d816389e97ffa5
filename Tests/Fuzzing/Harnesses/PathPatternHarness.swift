internal import UpdateFramework

extension FuzzHarness {
    static let pathPatterns = FuzzHarness(
        "path-patterns",
        "a pattern of a delegation, a line feed, and a path, judged by a second matcher",
        limitBytes: 512
    ) { input in
        let lines = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
        guard lines.count == 2 else { return }
        let (pattern, path) = (String(decoding: lines[0], as: UTF8.self), String(decoding: lines[1], as: UTF8.self))
        let judged = PathPattern(pattern)
        let matches = judged.matches(path)
        let plain = PlainMatcher(pattern, path).matches
        try require(matches == plain, "\(pattern) and \(path): \(matches), the plain matcher says \(plain)")
        let folders = path.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        for count in folders.indices where matches {
            let folder = folders[..<count].joined(separator: "/")
            try require(judged.canMatch(below: folder), "\(pattern) matches \(path) and nothing below \(folder)")
        }
        if let target = TargetPath(path) {
            try require(target.text == path, "a path that is another after reading")
            let place = target.repositoryPath(hashPrefix: nil)
            try require(place.filePath == path, "a path that is no file below the base")
            try require(!place.urlPath.split(separator: "/").contains(".."), "a path that leads out")
        }
    }
}

/// Says for every pair of places whether the rest of the pattern matches the rest of the path: no going back, nothing
/// clever.
private struct PlainMatcher {
    let matches: Bool

    init(_ pattern: String, _ path: String) {
        let (pattern, path) = (Array(pattern.unicodeScalars), Array(path.unicodeScalars))
        // The row of the empty pattern: it matches the empty path.
        var row = Array(repeating: false, count: path.count) + [true]
        for symbol in pattern.reversed() {
            let below = row
            for place in path.indices.reversed() {
                row[place] =
                    switch symbol {
                    case "*": below[place] || (path[place] != "/" && row[place + 1])
                    case "?": path[place] != "/" && below[place + 1]
                    default: path[place] == symbol && below[place + 1]
                    }
            }
            row[path.count] = symbol == "*" && below[path.count]
        }
        matches = row[0]
    }
}
