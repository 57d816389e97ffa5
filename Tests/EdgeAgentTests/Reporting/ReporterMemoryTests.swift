import Glibc
import Testing

@testable import EdgeAgent

/// A box reports for years: nothing is kept of a beat once it is in the spool.
@Suite struct ReporterMemoryTests {
    /// Everything that a value holds, counted by reflection: elements, texts by their bytes, what references lead to once.
    private static func size(of value: Any) -> Int {
        var seen: Set<ObjectIdentifier> = []
        var waiting: [Any] = [value]
        var size = 0
        while let next = waiting.popLast() {
            size += 1
            if let text = next as? String {
                size += text.utf8.count
                continue
            }
            if let bytes = next as? [UInt8] {
                size += bytes.count
                continue
            }
            var mirror: Mirror? = Mirror(reflecting: next)
            if mirror?.displayStyle == .class, !seen.insert(ObjectIdentifier(next as AnyObject)).inserted { continue }
            while let current = mirror {
                waiting += current.children.map(\.value)
                mirror = current.superclassMirror
            }
        }
        return size
    }

    @Test func whatIsCountedGrowsWithWhatIsKept() {
        final class Holder { var lines: [String] = [] }
        let holder = Holder()
        let before = Self.size(of: holder)
        holder.lines = ["1234567890"]
        #expect(Self.size(of: holder) == before + 11)
    }

    /// With something that happens each ten beats; the fleet takes none of it. `EDGE_BEATS` asks for more of them: 20,000
    /// take two minutes, fill the spool, and left nothing either (2026-11-20).
    @Test func beatsLeaveNothing() throws {
        let beats = getenv("EDGE_BEATS").flatMap { Int(String(cString: $0)) } ?? 2000
        let box = try ReportFixture(isEnrolled: false)
        try box.enrol(interval: 10)
        // Fails at once, and takes no process each time.
        try box.answer(#"{"outcome":"failed","circumstance":"network","sentence":"no route"}"#)
        var sizes: [Int] = []
        for step in 1...20 {
            for update in 1...10 {
                try box.happen((step - 1) * 10 + update)
                try box.pass(.seconds(beats / 20))
            }
            sizes.append(Self.size(of: box.reporter))
        }
        let early = try #require(sizes.dropFirst(4).prefix(4).max())
        let late = try #require(sizes.suffix(4).max())
        // The spool grows until it is full, a segment for hundreds of records; what is kept of each beat would be more.
        #expect(late - early < beats / 10, "\(sizes)")
        #expect(box.reporter.log.lines.count <= 256)
    }

    /// The same with a fleet that takes everything.
    @Test func beatsThatArriveLeaveNothing() throws {
        let box = try ReportFixture(isEnrolled: false)
        try box.enrol(interval: 10)
        try box.answer(#"{"outcome":"done","left":0,"interval":10,"labels":"same"}"#)
        var sizes: [Int] = []
        for _ in 1...8 {
            try box.pass(.seconds(250))
            sizes.append(Self.size(of: box.reporter))
        }
        let early = try #require(sizes.prefix(4).max())
        #expect(try #require(sizes.last) <= early + early / 50, "\(sizes)")
        #expect(box.runs >= 150)
    }
}
