import Testing

@testable import AgentSync

@Suite struct ByteSpansTests {
    /// Against a set of numbers, which can't be wrong.
    @Test func isTheSetOfItsBytes() {
        var generator = Numbers(state: 1)
        for _ in 0..<300 {
            var spans = ByteSpans()
            var bytes: Set<Int> = []
            for _ in 0..<12 {
                let start = generator.next(40)
                let span = start..<start + generator.next(12)
                if generator.next(3) == 0 {
                    spans.remove(span)
                    bytes.subtract(span)
                } else {
                    spans.insert(span)
                    bytes.formUnion(span)
                }
                check(spans, bytes)
            }
        }
    }

    private func check(_ spans: ByteSpans, _ bytes: Set<Int>) {
        #expect(Set(spans.spans.flatMap { Array($0) }) == bytes && spans.count == bytes.count)
        #expect(spans.spans.allSatisfy { !$0.isEmpty })
        #expect(zip(spans.spans, spans.spans.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
        for offset in 0..<60 {
            #expect((spans.span(at: offset) != nil) == bytes.contains(offset))
            if !bytes.contains(offset) {
                let next = (offset..<60).first(where: bytes.contains) ?? 60
                #expect(spans.next(behind: offset, before: 60) == next)
            }
        }
        for span in [3..<9, 0..<60, 20..<20] {
            #expect(spans.contains(span) == span.allSatisfy(bytes.contains))
            #expect(spans.missing(of: span) == span.count { !bytes.contains($0) })
        }
    }
}

/// Numbers in an order that is the same on every run.
private struct Numbers {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}
