internal import FileSystem
internal import Glibc

/// What the kernel counts of a process and of those that it has started, read from /proc.
struct ProcessReading: Equatable {
    /// Seconds of processor time; what has ended and was waited for is in it.
    var user = 0.0
    var system = 0.0
    /// Bytes that are in memory (RSS); what two processes share counts for each.
    var resident = 0
    var threads = 0
    /// Nil where it may not be seen: another user's.
    var descriptors: Int?

    /// A runtime and its worker are two; a tree that is larger is read in part.
    private static let mostProcesses = 32

    /// Nil where there is no such process.
    static func read(_ processID: Int32, withChildren: Bool) -> ProcessReading? {
        guard var sum = single(processID) else { return nil }
        guard withChildren else { return sum }
        var waiting = children(of: processID)
        var count = 1
        while !waiting.isEmpty, count < mostProcesses {
            let next = waiting.removeFirst()
            count += 1
            guard let more = single(next) else { continue }
            sum.add(more)
            waiting += children(of: next)
        }
        return sum
    }

    private mutating func add(_ other: ProcessReading) {
        user += other.user
        system += other.system
        resident = resident.addingReportingOverflow(other.resident).partialValue
        threads = threads.addingReportingOverflow(other.threads).partialValue
        descriptors = descriptors.flatMap { own in other.descriptors.map { own + $0 } }
    }

    private static func single(_ processID: Int32) -> ProcessReading? {
        guard let stat = try? HostFacts.text(of: "/proc/\(processID)/stat", limit: 4096) else { return nil }
        var reading = ProcessReading(stat: stat)
        reading?.descriptors = (try? FileSystem.names(in: "/proc/\(processID)/fd"))?.count
        return reading
    }

    private static func children(of processID: Int32) -> [Int32] {
        let path = "/proc/\(processID)/task/\(processID)/children"
        guard let text = try? HostFacts.text(of: path, limit: 4096) else { return [] }
        return text.split(separator: " ").compactMap { Int32($0) }
    }

    /// From /proc/PID/stat, proc(5). The program's name stands in parentheses and may hold anything.
    init?(stat: String) {
        guard let close = stat.lastIndex(of: ")") else { return nil }
        // The first of them is field 3.
        let fields = stat[stat.index(after: close)...].split(whereSeparator: \.isWhitespace)
        func field(_ number: Int) -> Int? { fields.count > number - 3 ? Int(fields[number - 3]) : nil }
        guard let user = field(14), let system = field(15), let endedUser = field(16), let endedSystem = field(17),
            let threads = field(20), let pages = field(24)
        else { return nil }
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        self.user = (Double(user) + Double(endedUser)) / ticks
        self.system = (Double(system) + Double(endedSystem)) / ticks
        self.threads = threads
        let (bytes, overflow) = pages.multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE)))
        resident = overflow ? 0 : bytes
    }
}
