/// Numbers that look random and are the same for the same seed: SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable
/// pseudorandom number generators", figure 14).
package struct RandomSource: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// A source of its own for the same seed and another `stream`: boxes don't share one, so that what one does changes no
    /// other.
    package init(seed: UInt64, stream: UInt64) {
        var mixed = RandomSource(seed: seed)
        var other = RandomSource(seed: stream &* 0x9e37_79b9_7f4a_7c15 ^ mixed.next())
        state = other.next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// 0 to 99.
    mutating func percent() -> Int { Int.random(in: 0..<100, using: &self) }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }
}
