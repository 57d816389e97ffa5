/// A set of bytes of a file, as spans that are in order, not empty, and never touch each other.
struct ByteSpans: Equatable, Sendable {
    private(set) var spans: [Range<Int>] = []

    init() {}

    var count: Int { spans.reduce(0) { $0 + $1.count } }

    /// The place of the first span that ends behind `offset`.
    private func place(endingBehind offset: Int) -> Int {
        var (low, high) = (0, spans.count)
        while low < high {
            let middle = (low + high) / 2
            if spans[middle].upperBound > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }

    mutating func insert(_ span: Range<Int>) {
        guard !span.isEmpty else { return }
        // Spans that touch it become one with it.
        let first = span.lowerBound == 0 ? 0 : place(endingBehind: span.lowerBound - 1)
        var end = first
        var joined = span
        while end < spans.count, spans[end].lowerBound <= span.upperBound {
            joined = min(joined.lowerBound, spans[end].lowerBound)..<max(joined.upperBound, spans[end].upperBound)
            end += 1
        }
        spans.replaceSubrange(first..<end, with: [joined])
    }

    mutating func remove(_ span: Range<Int>) {
        guard !span.isEmpty else { return }
        var left: [Range<Int>] = []
        for held in spans {
            if held.lowerBound < span.lowerBound {
                left.append(held.lowerBound..<min(held.upperBound, span.lowerBound))
            }
            if held.upperBound > span.upperBound {
                left.append(max(held.lowerBound, span.upperBound)..<held.upperBound)
            }
        }
        spans = left
    }

    /// The span that holds the byte at `offset`; nil where none does.
    func span(at offset: Int) -> Range<Int>? {
        let place = place(endingBehind: offset)
        guard place < spans.count, spans[place].contains(offset) else { return nil }
        return spans[place]
    }

    /// Where the next span behind `offset` begins, at most `end`.
    func next(behind offset: Int, before end: Int) -> Int {
        let place = place(endingBehind: offset)
        guard place < spans.count else { return end }
        return min(end, max(offset, spans[place].lowerBound))
    }

    func contains(_ span: Range<Int>) -> Bool {
        span.isEmpty || self.span(at: span.lowerBound).map { $0.upperBound >= span.upperBound } == true
    }

    /// How many bytes of `span` are not in it.
    func missing(of span: Range<Int>) -> Int {
        spans.reduce(span.count) { $0 - $1.clamped(to: span).count }
    }
}
