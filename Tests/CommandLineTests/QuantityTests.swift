import Diagnostics
import Testing

@Suite struct QuantityTests {
    @Test(arguments: [
        ("0", 0), ("1500", 1500), ("1B", 1), ("1kB", 1000), ("1KB", 1000), ("64MiB", 64 << 20),
        ("1.5GB", 1_500_000_000),
        ("1.50GB", 1_500_000_000), ("0.5KiB", 512), ("1.1GB", 1_100_000_000), ("2TiB", 2 << 40),
    ])
    func readsBytes(text: String, bytes: Int) throws {
        #expect(try Quantity.bytes(from: text) == bytes)
    }

    @Test(arguments: [
        ("", "does not start with a number"), ("MiB", "does not start with a number"),
        ("-1", "does not start with a number"), ("1.", "has no digits after the point"),
        ("1K", "is not a size such as 64MiB, 1.5GB or a number of bytes"),
        ("1 MB", "is not a size such as 64MiB, 1.5GB or a number of bytes"),
        ("1.5", "is not a size such as 64MiB, 1.5GB or a number of bytes"),
        ("0.5B", "is not a whole number of the smallest unit"),
        ("0.1KiB", "is not a whole number of the smallest unit"),
        ("9223372036854775808", "is too large"), ("9007199254740993KiB", "is too large"),
        ("99999999999999999999999", "does not start with a number"),
        ("1.0123456789GB", "has too many digits after the point"), ("٣MB", "does not start with a number"),
    ])
    func refusesBytes(text: String, reason: String) {
        let error = #expect(throws: Quantity.Malformed.self) { try Quantity.bytes(from: text) }
        #expect(error?.reason == reason)
    }

    @Test(arguments: [
        ("0", Duration.zero), ("250ms", .milliseconds(250)), ("30s", .seconds(30)), ("1.5m", .seconds(90)),
        ("2h", .seconds(7200)), ("1d", .seconds(86_400)), ("7us", .microseconds(7)), ("0.5s", .milliseconds(500)),
    ])
    func readsDurations(text: String, duration: Duration) throws {
        #expect(try Quantity.duration(from: text) == duration)
    }

    @Test(arguments: ["30", "s", "-1s", "1.5", "1min", "1ns.5", "0.5ns", "1000000d"])
    func refusesDurations(text: String) {
        #expect(throws: Quantity.Malformed.self) { try Quantity.duration(from: text) }
    }

    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (81_649_999, "81.6 MB"), (999_949, "999.9 kB"),
        (999_950, "1.0 MB"), (1_500_000_000, "1.5 GB"), (Int.max, "9.2 EB"), (-1500, "-1.5 kB"),
    ])
    func writesBytesForReading(bytes: Int, text: String) {
        #expect(Quantity.readable(bytes: bytes) == text)
    }

    @Test(arguments: [
        (Duration.zero, "0 us"), (.microseconds(250), "250 us"), (.milliseconds(250), "250 ms"),
        (.milliseconds(1250), "1.2 s"), (.seconds(60), "1 min"), (.seconds(303), "5 min 3 s"),
        (.seconds(7500), "2 h 5 min"), (.seconds(187_200), "2 d 4 h"), (.seconds(-2), "-2.0 s"),
    ])
    func writesDurationsForReading(duration: Duration, text: String) {
        #expect(Quantity.readable(duration) == text)
    }

    @Test(arguments: [0, 1, 999, 1000, 1024, 1500, 64 << 20, 3_000_000, 5 << 30, Int.max])
    func writesBytesThatReadBackTheSame(bytes: Int) throws {
        #expect(try Quantity.bytes(from: Quantity.exact(bytes: bytes)) == bytes)
    }

    @Test(arguments: [
        Duration.zero, .nanoseconds(1), .milliseconds(1500), .seconds(30), .seconds(300), .seconds(86_400),
    ])
    func writesDurationsThatReadBackTheSame(duration: Duration) throws {
        #expect(try Quantity.duration(from: Quantity.exact(duration)) == duration)
    }
}

@Suite struct NearestNameTests {
    @Test(arguments: [
        ("biuld", "build"), ("inspct", "inspect"), ("VERIFY", "verify"), ("scoring_scritp", "scoring_script"),
        ("xy", nil), ("", nil), ("sings", "sign"), (String(repeating: "a", count: 100), nil),
    ])
    func findsWhatWasMeant(word: String, name: String?) {
        let known = ["build", "inspect", "verify", "sign", "scoring_script"]
        #expect(NearestName.nearest(to: word, among: known) == name)
    }

    @Test func prefersTheNearerName() {
        #expect(NearestName.nearest(to: "output", among: ["outputs1", "outputs"]) == "outputs")
    }
}
