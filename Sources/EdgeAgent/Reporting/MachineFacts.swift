internal import FileSystem
internal import FleetProtocol
internal import Glibc

/// What the machine is; it does not change while it runs.
struct MachineFacts {
    var host = ""
    var box = CheckIn.BoxFacts(agent: agentVersion)

    static func read() -> MachineFacts {
        var names = utsname()
        uname(&names)
        func text<Value>(_ value: Value) -> String {
            withUnsafeBytes(of: value) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
                .cut(toBytes: FleetLimits.nameBytes)
        }
        return MachineFacts(
            host: text(names.nodename),
            box: CheckIn.BoxFacts(
                agent: agentVersion,
                machine: text(names.machine),
                kernel: text(names.release),
                system: system(),
                processors: max(0, sysconf(Int32(_SC_NPROCESSORS_ONLN))),
                memoryBytes: max(0, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
            )
        )
    }

    /// `PRETTY_NAME` of os-release(5); empty where there is none.
    private static func system() -> String {
        for path in ["/etc/os-release", "/usr/lib/os-release"] {
            guard let bytes = try? FileSystem.read(path, limit: 64 << 10) else { continue }
            if let name = prettyName(in: String(decoding: bytes, as: UTF8.self)) { return name }
        }
        return ""
    }

    static func prettyName(in text: String) -> String? {
        let opening = "PRETTY_NAME="
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix(opening) }) else { return nil }
        let value = line.dropFirst(opening.count)
        let quotes: Set<Character> = ["\"", "'"]
        guard let first = value.first, quotes.contains(first), value.last == first, value.count > 1 else {
            return String(value).cut(toBytes: FleetLimits.nameBytes)
        }
        return String(value.dropFirst().dropLast().filter { $0 != "\\" }).cut(toBytes: FleetLimits.nameBytes)
    }
}
