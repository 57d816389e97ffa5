internal import FileSystem
internal import Glibc

/// What the kernel says of the whole machine, read from /proc and /sys. What it does not say is empty.
struct SystemReading: Equatable {
    struct Interface: Equatable {
        var name: String
        var received: Int
        var sent: Int
    }

    struct Temperature: Equatable {
        var zone: String
        /// What the zone is of, as the kernel names it.
        var kind: String
        /// Degrees Celsius.
        var value: Double
    }

    /// Seconds of all processors together, by mode.
    var processor: [(mode: String, seconds: Double)] = []
    /// Bytes by state.
    var memory: [(state: String, bytes: Int)] = []
    /// Bytes of the file system that the store is on, by state.
    var disk: [(state: String, bytes: Int)] = []
    /// Over 1, 5 and 15 minutes.
    var load: [Double] = []
    var interfaces: [Interface] = []
    var temperatures: [Temperature] = []

    static func == (left: SystemReading, right: SystemReading) -> Bool {
        left.processor.elementsEqual(right.processor) { $0 == $1 }
            && left.memory.elementsEqual(right.memory) { $0 == $1 } && left.disk.elementsEqual(right.disk) { $0 == $1 }
            && left.load == right.load && left.interfaces == right.interfaces && left.temperatures == right.temperatures
    }

    /// What a box can have of each without its telling getting out of hand.
    private static let mostInterfaces = 4
    private static let mostTemperatures = 8

    static func read(root: String) -> SystemReading {
        func text(_ path: String) -> String { (try? HostFacts.text(of: path, limit: 64 << 10)) ?? "" }
        var reading = SystemReading()
        reading.processor = processor(in: text("/proc/stat"))
        reading.memory = memory(in: text("/proc/meminfo"))
        reading.disk = disk(at: root)
        reading.load = text("/proc/loadavg").split(separator: " ").prefix(3).compactMap { Double($0) }
        reading.interfaces = interfaces(in: text("/proc/net/dev"))
        reading.temperatures = temperatures(below: "/sys/class/thermal")
        return reading
    }

    static func processor(in stat: String) -> [(mode: String, seconds: Double)] {
        guard let line = stat.split(separator: "\n").first, line.hasPrefix("cpu ") else { return [] }
        let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        // user nice system idle iowait irq softirq steal (proc(5)); guests are in user.
        guard ticks.count >= 8 else { return [] }
        let second = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return [
            ("user", ticks[0] / second), ("nice", ticks[1] / second), ("system", ticks[2] / second),
            ("idle", ticks[3] / second), ("iowait", ticks[4] / second), ("interrupt", (ticks[5] + ticks[6]) / second),
            ("steal", ticks[7] / second),
        ]
    }

    static func memory(in text: String) -> [(state: String, bytes: Int)] {
        var bytes: [Substring: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == ":" })
            guard words.count >= 2, let kilobytes = Int(words[1]), (0...(1 << 50)).contains(kilobytes) else { continue }
            bytes[words[0]] = kilobytes << 10
        }
        guard let total = bytes["MemTotal"], let free = bytes["MemFree"] else { return [] }
        let (buffers, cached) = (bytes["Buffers"] ?? 0, (bytes["Cached"] ?? 0) + (bytes["SReclaimable"] ?? 0))
        return [
            ("used", max(0, total - free - buffers - cached)), ("free", free), ("buffers", buffers), ("cached", cached),
        ]
    }

    static func disk(at path: String) -> [(state: String, bytes: Int)] {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return [] }
        func bytes(_ blocks: UInt) -> Int {
            Int(clamping: blocks.multipliedReportingOverflow(by: status.f_frsize).partialValue)
        }
        let (all, free, available) = (UInt(status.f_blocks), UInt(status.f_bfree), UInt(status.f_bavail))
        return [
            ("used", bytes(all - min(all, free))), ("free", bytes(available)),
            ("reserved", bytes(free - min(free, available))),
        ]
    }

    /// Those that have moved the most, without the loopback one.
    static func interfaces(in text: String) -> [Interface] {
        var found: [Interface] = []
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].drop(while: \.isWhitespace)
            let numbers = line[line.index(after: colon)...].split(separator: " ").compactMap { Int($0) }
            guard name != "lo", numbers.count >= 9, numbers[0] > 0 || numbers[8] > 0 else { continue }
            found.append(Interface(name: String(name), received: max(0, numbers[0]), sent: max(0, numbers[8])))
        }
        let most = found.sorted { ($0.received / 2 + $0.sent / 2, $1.name) > ($1.received / 2 + $1.sent / 2, $0.name) }
        return most.prefix(mostInterfaces).sorted { $0.name < $1.name }
    }

    static func temperatures(below folder: String) -> [Temperature] {
        let zones = ((try? FileSystem.names(in: folder)) ?? []).filter { $0.hasPrefix("thermal_zone") }
        let inOrder = zones.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        return inOrder.prefix(mostTemperatures).compactMap { zone in
            func word(_ name: String) -> String? {
                let path = FileSystem.join(FileSystem.join(folder, zone), name)
                return (try? HostFacts.text(of: path, limit: 256)).map { String($0.prefix { !$0.isNewline }) }
            }
            // Thousandths of a degree (kernel.org, sysfs-class-thermal). A sensor that is off can't be read.
            guard let value = word("temp").flatMap({ Double($0) }), value.isFinite else { return nil }
            return Temperature(zone: zone, kind: (word("type") ?? "").cut(toBytes: 64), value: value / 1000)
        }
    }
}
