import Testing

@testable import YAML

/// Documents broken at random, the same ones in every run: each is read or refused, never more than that.
@Suite struct YAMLMutationTests {
    /// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    private static let document = """
        %YAML 1.2
        ---
        name: &n digits # comment
        list: [1, 'two', "thr\\u00e9e", *n, {a: b}]
        block: |
          text
            more
        ? key
        : - x
          - !!str 7
          - >-
            folded

        """

    private static let pieces = [
        "&a", "*a", "*n", "? ", ": ", "- ", "[", "]", "{", "}", "|", "\n", "\t", "\u{FEFF}", "---\n",
    ]

    @Test(arguments: UInt64(1)...20) func readsOrRefusesWhateverItIsGiven(seed: UInt64) throws {
        var generator = Generator(state: seed)
        var (read, refused) = (0, 0)
        for _ in 0..<200 {
            var bytes = Array(Self.document.utf8)
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: place)
                case 2: bytes.removeSubrange(place..<min(place + 20, bytes.count - 1))
                default:
                    bytes.insert(contentsOf: Self.pieces.randomElement(using: &generator)?.utf8 ?? "".utf8, at: place)
                }
            }
            do {
                let node = try YAMLParser.parse(bytes, source: "f", limits: YAMLLimits(depth: 8, nodes: 200))
                read += 1
                #expect(node.position.line >= 1 && node.position.column >= 1)
            } catch {
                refused += 1
                #expect(error.message.hasPrefix("f:"))
            }
        }
        // A generator that only made rubbish, or nothing but good documents, would show nothing.
        #expect(read > 10 && refused > 10)
    }
}
