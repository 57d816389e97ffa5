internal import BundleManifest
package import Deployment
internal import Digest
package import EdgeAgent
internal import FileSystem
internal import Glibc
package import WallClock

/// What a box finds out about itself.
package enum BoxFacts {
    /// No time before this one is believed: this program is younger. Raised with each release.
    package static let buildFloor = UTCTime("2026-01-01T00:00:00Z") ?? UTCTime(seconds: 0)

    /// The id of a box that nobody named: its host name, and 8 digits of a digest of `/etc/machine-id`, which itself is
    /// to stay on the machine (machine-id(5)). Nil where there is no such file.
    package static func deviceID() throws -> DeviceID? {
        let path = "/etc/machine-id"
        guard try FileSystem.statusFollowingLinks(of: path) != nil else { return nil }
        let text = try FileSystem.read(path, limit: 4096).filter { $0 > 0x20 }
        guard text.count >= 32 else { return nil }
        return deviceID(machine: text, host: hostName())
    }

    static func deviceID(machine: [UInt8], host: String) -> DeviceID? {
        let digest = SHA256.digest(Array("edgeagent device ".utf8) + machine).hex.prefix(8)
        let isPlain = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        let name = String(decoding: host.utf8.prefix(64).filter(isPlain), as: UTF8.self)
        return DeviceID(name.isEmpty ? "box-\(digest)" : "\(name)-\(digest)")
    }

    private static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The folder of this program, where its siblings are.
    static func programFolder() throws(FileError) -> String {
        FileSystem.parent(of: try FileSystem.resolve("/proc/self/exe"))
    }

    /// What the box has that bundles may need, as far as it can be seen.
    package static func capabilities(of box: BoxConfiguration) -> BoxCapabilities {
        BoxCapabilities(
            architecture: .current,
            glibc: glibcVersion(),
            pythons: pythons(configured: box.programs.python),
            memoryBytes: memoryBytes()
        )
    }

    /// `glibc 2.36`, as confstr(3) tells it; an old one where it doesn't.
    private static func glibcVersion() -> GlibcVersion {
        var buffer = [CChar](repeating: 0, count: 64)
        let length = confstr(Int32(_CS_GNU_LIBC_VERSION), &buffer, buffer.count)
        guard length > 0, length <= buffer.count else { return GlibcVersion(2, 0) }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: " ").last.flatMap { GlibcVersion(String($0)) } ?? GlibcVersion(2, 0)
    }

    /// ABIs of the interpreters that a runtime would find: the configured one alone, else those on the usual path.
    static func pythons(configured: String?) -> Set<String> {
        if let configured { return Set([abi(ofInterpreter: configured)].compactMap { $0 }) }
        var found: Set<String> = []
        for folder in ["/usr/local/bin", "/usr/bin", "/bin"] {
            for name in (try? FileSystem.names(in: folder)) ?? [] {
                if let abi = abi(ofName: name) { found.insert(abi) }
            }
        }
        return found
    }

    /// By the name that the links lead to, `python3.11`, else by the standard library beside it.
    static func abi(ofInterpreter path: String) -> String? {
        guard let real = try? FileSystem.resolve(path) else { return nil }
        if let abi = abi(ofName: FileSystem.name(of: real)) { return abi }
        let libraries = FileSystem.join(FileSystem.parent(of: FileSystem.parent(of: real)), "lib")
        let names = (try? FileSystem.names(in: libraries)) ?? []
        let abis = Set(names.compactMap { abi(ofName: $0) })
        return abis.count == 1 ? abis.first : nil
    }

    /// `cp311` for `python3.11`; nil for anything else.
    static func abi(ofName name: String) -> String? {
        let start = "python3."
        guard name.hasPrefix(start), let minor = Int(name.dropFirst(start.count)), (0..<100).contains(minor),
            name == "\(start)\(minor)"
        else { return nil }
        return "cp3\(minor)"
    }

    /// MemTotal of /proc/meminfo.
    private static func memoryBytes() -> Int? {
        guard let bytes = try? readSystemFile("/proc/meminfo") else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = String(decoding: line, as: UTF8.self).split(separator: " ")
            guard words.count >= 2, words[0] == "MemTotal:", let kibibytes = Int(words[1]) else { continue }
            let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
            return overflow ? nil : bytes
        }
        return nil
    }

    /// A file that the kernel makes up as it is read, whose size it gives as 0.
    private static func readSystemFile(_ path: String) throws(FileError) -> [UInt8] {
        let file = try File.open(path)
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        var count = 0
        var failure: FileError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(FileError) {
                while count < buffer.count {
                    let piece = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
                    guard piece > 0 else { break }
                    count += piece
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return Array(bytes.prefix(count))
    }

    /// The present moment as a restart and a wrong clock can't change it.
    package static func stamp(_ clock: ClockReading) throws -> SyncPlan.Stamp {
        let (seconds, attoseconds) = HostFacts.bootTime().components
        let milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
        return SyncPlan.Stamp(boot: try HostFacts.boot(), milliseconds: milliseconds, time: clock.time)
    }

    /// What the box knows of the time: its clock, unless that lies before a moment that has certainly passed.
    package static func clock(floor: UTCTime, machineTime: UTCTime = machineTime()) -> ClockReading {
        guard machineTime >= floor else { return .untrusted(floor: floor) }
        var now = time_t(machineTime.seconds)
        var local = tm()
        let offset = localtime_r(&now, &local) == nil ? 0 : Int(local.tm_gmtoff)
        return .trusted(machineTime, zoneOffsetSeconds: offset)
    }

    /// What the machine's clock shows, right or wrong.
    package static func machineTime() -> UTCTime { UTCTime(seconds: Int64(time(nil))) }
}
