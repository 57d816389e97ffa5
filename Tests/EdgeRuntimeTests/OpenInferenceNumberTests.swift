import EdgeRuntime
import Glibc
import ONNXRuntime
import Testing

/// Floats in requests are the nearest to what is written, judged by the C library's strtod and strtof.
@Suite struct OpenInferenceNumberTests {
    @Test(arguments: [
        "0", "-0", "-0.0", "0.0", "0e9", "1", "-1", "0.1", "0.5", "1e0", "1E+2", "1e-2", "123456789", "3.4028235e38",
        "-3.4028235e38", "1.1754944e-38", "1.1754942e-38", "1e-45", "7e-46", "1e-400",
        "0.00000000000000000000000000001",
        // Ties and near ties between two floats.
        "16777217", "16777219", "16777216.999999999999", "16777217.00000000000001", "1.00000005960464477539062500",
        "1.00000005960464477539062501", "1.00000005960464477539062499", "9007199791611905", "0.10000000149011612",
        "340282346638528859811704183484516925440", "340282356779733661637539395458142568447",
        // Ties and near ties between two doubles, and the ends of the short ways.
        "9007199254740993", "9007199254740992.5", "9007199254740993.0000000001", "9007199254740995", "1e22", "1e23",
        "8.5e22", "123456789012345678", "1234567890123456789", "12345678901234567890", "18446744073709551615",
        "18446744073709551616", "0.12345678901234567", "0.012345678901234567", "0.00012345678901234567",
        "1.7976931348623157e308", "2.2250738585072014e-308", "4.9e-324", "5e-324", "2.4703282292062327e-324",
        "9999999999999999999e27", "9999999999999999999e-27", "1e27", "1e28", "1e-27", "1e-28", "0.3e-26",
        "4503599627370496.5", "4503599627370497.5", "0.500000000000000166533453693773481063544750213623046875",
        "3.518437208883201171875e13", "62.5364939768271845828", "8.10109172351e-10",
        "1.50000000000000011102230246251565",
        "0000000000000000000.1".replacing("0000000000000000000", with: "0"),
        "1.0000000000000000000000000000000000000001",
    ])
    func readsTheNearestFloat(text: String) throws {
        try judge([text])
    }

    /// Numbers of every length and size, from a fixed seed.
    @Test func readsTheNearestFloatOfManyNumbers() throws {
        var random = Generator(state: 42)
        var texts: [String] = []
        for _ in 0..<4000 {
            texts.append("\(Double(bitPattern: random.next() >> 2))")
            texts.append("\(Double(Float(bitPattern: UInt32(truncatingIfNeeded: random.next() >> 34))))")
            texts.append("\(Double(random.next() % 1_000_000) / 1e6)")
            let digits = String(String(random.next()).prefix(1 + Int(random.next() % 19)))
            texts.append("\(digits)e\(Int(random.next() % 64) - 32)")
            texts.append("0.\(String(repeating: "0", count: Int(random.next() % 9)))\(random.next())")
            // Half-way between two doubles near a power of two, and one unit of the last digit off.
            let odd = (1 << 53) + 2 * (random.next() % (1 << 52)) + 1
            texts.append("\(odd)")
            texts.append("\(odd).000000000001")
            texts.append("-\(odd - 1).999999999999")
        }
        try judge(texts)
    }

    private func judge(_ texts: [String]) throws {
        let doubles = try inferRequest("FP64", "[\(texts.count)]", "[\(texts.joined(separator: ","))]")
            .inputs[0].tensor.numbers(as: Double.self)
        for (text, value) in zip(texts, doubles) {
            let expected = strtod(text, nil)
            #expect(value.bitPattern == expected.bitPattern, "\(text): \(value), not \(expected)")
        }
        let fitting = texts.filter { strtof($0, nil).isFinite }
        let floats = try inferRequest("FP32", "[\(fitting.count)]", "[\(fitting.joined(separator: ","))]")
            .inputs[0].tensor.numbers(as: Float.self)
        for (text, value) in zip(fitting, floats) {
            let expected = strtof(text, nil)
            #expect(value.bitPattern == expected.bitPattern, "\(text): \(value), not \(expected)")
        }
    }
}

/// A linear congruential generator (Knuth's MMIX constants), so that a failure can be repeated.
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
