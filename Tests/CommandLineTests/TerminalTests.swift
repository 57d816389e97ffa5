import Diagnostics
import Glibc
import Synchronization
import Testing

@testable import CommandLine

@Suite struct TerminalTests {
    private static func terminal(
        onTerminal: Bool,
        quiet: Bool = false,
        environment: [String: String] = [:]
    ) -> (Terminal, MemorySink, MemorySink) {
        let (output, notices) = (MemorySink(), MemorySink())
        let console = Console(
            output: output,
            notices: notices,
            outputIsTerminal: onTerminal,
            noticesIsTerminal: onTerminal,
            environment: { environment[$0] }
        )
        return (Terminal(console, quiet: quiet), output, notices)
    }

    @Test func buffersOutputOnlyWhereNobodyWatches() throws {
        let (piped, pipe, _) = Self.terminal(onTerminal: false)
        try piped.write("a")
        #expect(pipe.text == "")
        try piped.write(String(repeating: "b", count: 64 * 1024))
        #expect(pipe.contents.count == 64 * 1024 + 1)
        try piped.write("c")
        try piped.finish()
        #expect(pipe.text.hasSuffix("bc"))

        let (watched, screen, _) = Self.terminal(onTerminal: true)
        try watched.write("a")
        #expect(screen.text == "a")
    }

    @Test func asksForASecretOnlyWhereItsQuestionIsSeen() {
        for (onTerminal, expected) in [(true, Array("sesame".utf8)), (false, nil)] {
            let console = Console(
                output: MemorySink(),
                notices: MemorySink(),
                noticesIsTerminal: onTerminal,
                askSecret: { question in question == "passphrase of \\u{1B}k: " ? Array("sesame".utf8) : nil }
            )
            #expect(Terminal(console).askSecret("passphrase of \u{1B}k: ") == expected)
        }
    }

    @Test func passesBytesThatAreNoText() throws {
        let (terminal, output, _) = Self.terminal(onTerminal: false)
        let bytes: [UInt8] = [0, 255, 10, 0]
        try terminal.write(bytes.span.bytes)
        try terminal.finish()
        #expect(output.contents == bytes)
    }

    @Test func reportsAFullDevice() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let sink = DescriptorSink(descriptor, name: "standard output")
        let error = #expect(throws: OutputError.self) { try sink.write("x".utf8Span.span.bytes) }
        #expect(error?.message == "can't write to standard output: No space left on device")
        #expect(error?.exitCode == .ioError)
    }

    @Test func reportsAReaderThatWentAway() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[1]) }
        close(ends[0])
        signal(SIGPIPE, SIG_IGN)
        let sink = DescriptorSink(ends[1], name: "standard output")
        let error = #expect(throws: OutputError.self) { try sink.write("x".utf8Span.span.bytes) }
        #expect(error == .closedByReader)
    }

    @Test func wipesTheProgressLineBeforeItTalks() {
        let (terminal, _, notices) = Self.terminal(onTerminal: true)
        terminal.drawProgress("50%")
        terminal.notice("done")
        terminal.notice("really")
        #expect(notices.text == "\r\u{1b}[K50%\r\u{1b}[Kdone\nreally\n")
    }

    @Test func showsControlCharacters() {
        #expect("a\u{1b}[2J\u{9b}\n".printable() == "a\\u{1B}[2J\\u{9B}\\n")
        #expect("a\nb\u{7}".printable(keepingLines: true) == "a\nb\\u{7}")
        #expect("größer".printable() == "größer")
    }
}

@Suite struct ProgressBarTests {
    private struct HandClock: Clock {
        struct Instant: InstantProtocol {
            var offset: Duration
            func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
            func duration(to other: Instant) -> Duration { other.offset - offset }
            static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
        }

        final class Hands: Sendable {
            let time = Mutex(Duration.zero)
        }

        let hands = Hands()
        var now: Instant { Instant(offset: hands.time.withLock { $0 }) }
        var minimumResolution: Duration { .nanoseconds(1) }
        func sleep(until deadline: Instant, tolerance: Duration?) async throws {}
        func advance(by duration: Duration) { hands.time.withLock { $0 += duration } }
    }

    private func drawn(
        environment: [String: String] = [:],
        onTerminal: Bool = true,
        quiet: Bool = false,
        _ use: (ProgressBar<HandClock>, HandClock) -> Void
    ) -> String {
        let notices = MemorySink()
        let console = Console(
            output: MemorySink(),
            notices: notices,
            noticesIsTerminal: onTerminal,
            environment: { environment[$0] }
        )
        let clock = HandClock()
        use(ProgressBar("packing", totalBytes: 2_000_000, on: Terminal(console, quiet: quiet), clock: clock), clock)
        return notices.text
    }

    @Test func drawsAtMostTenTimesASecond() {
        let text = drawn { bar, clock in
            bar.update(bytes: 0)
            clock.advance(by: .milliseconds(99))
            bar.update(bytes: 500_000)
            clock.advance(by: .milliseconds(1))
            bar.update(bytes: 1_000_000)
            bar.finish()
        }
        let wipe = "\r\u{1b}[K"
        #expect(
            text == "\(wipe)packing  [------------------------] 0%  0 B of 2.0 MB"
                + "\(wipe)packing  [############------------] 50%  1.0 MB of 2.0 MB\(wipe)"
        )
    }

    @Test func drawsNothingWhereNobodyWatches() {
        func use(_ bar: ProgressBar<HandClock>, _ clock: HandClock) {
            bar.update(bytes: 1)
            bar.finish()
        }
        #expect(drawn(onTerminal: false, use) == "")
        #expect(drawn(quiet: true, use) == "")
        #expect(drawn(environment: ["CI": "true"], use) == "")
        #expect(drawn(environment: ["TERM": "dumb"], use) == "")
        #expect(drawn(environment: ["CI": ""], use) != "")
    }
}

@Suite struct TextTableTests {
    @Test func alignsColumns() {
        var table = TextTable([.text("NAME"), .number("SIZE"), .text("NOTE")])
        table.add("model", "81.6 MB")
        table.add("a\u{1b}", "2 B", "new")
        #expect(
            table.rendered() == """
                NAME        SIZE  NOTE
                model    81.6 MB
                a\\u{1B}      2 B  new

                """
        )
    }
}
