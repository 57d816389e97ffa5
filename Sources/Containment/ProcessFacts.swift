internal import Glibc

/// What the kernel tells of a process: the files of /proc/PID that containment can be read back from (proc(5)).
package struct ProcessFacts: Equatable, Sendable {
    package var effectiveUser: UInt32?
    /// The capabilities it has, and those that a program executed by it could get.
    package var capabilities: UInt64?
    package var capabilityBound: UInt64?
    package var hasNoNewPrivileges: Bool?
    /// 2: a filter.
    package var seccompMode: Int?
    /// Its number in each namespace of processes, the outermost that we see first.
    package var processIDs: [Int32] = []
    /// Kinds of namespaces (`mnt`, `pid`, `net`, `user`, `ipc`) that are not this process's.
    package var ownNamespaces: Set<String> = []
    /// The root folder is a small file system in memory.
    package var hasPrivateRoot: Bool?
    /// The hard limits, by the names of /proc/PID/limits; nil stands for unlimited.
    package var limits: [String: UInt64?] = [:]
    /// The paths of its control groups.
    package var groups: [String] = []

    package static let namespaces = ["ipc", "mnt", "net", "pid", "user"]

    package init() {}

    /// - Returns: nil where there is no such process any more, or /proc does not let us read it.
    package static func read(_ processID: Int32) -> ProcessFacts? {
        let folder = "/proc/\(processID)"
        guard let status = text(folder + "/status") else { return nil }
        var facts = ProcessFacts()
        facts.take(status: status)
        for kind in namespaces {
            if let its = link("\(folder)/ns/\(kind)"), let ours = link("/proc/self/ns/\(kind)"), its != ours {
                facts.ownNamespaces.insert(kind)
            }
        }
        if let limits = text(folder + "/limits") { facts.take(limits: limits) }
        if let groups = text(folder + "/cgroup") { facts.take(groups: groups) }
        if let mounts = text(folder + "/mountinfo") { facts.take(mounts: mounts) }
        return facts
    }

    mutating func take(status: String) {
        for line in status.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            guard words.count >= 2 else { continue }
            switch words[0] {
            case "Uid:": effectiveUser = words.count > 2 ? UInt32(words[2]) : nil
            case "CapEff:": capabilities = UInt64(words[1], radix: 16)
            case "CapBnd:": capabilityBound = UInt64(words[1], radix: 16)
            case "NoNewPrivs:": hasNoNewPrivileges = words[1] == "1"
            case "Seccomp:": seccompMode = Int(words[1])
            case "NSpid:": processIDs = words.dropFirst().compactMap { Int32($0) }
            default: break
            }
        }
    }

    /// Columns are 26, 21 and 21 characters wide: `Max open files            1024                 4096                 files`.
    mutating func take(limits text: String) {
        for line in text.split(separator: "\n").dropFirst() {
            let name = String(line.prefix(25)).trimmedSpaces
            let values = line.dropFirst(25).split(separator: " ")
            guard values.count >= 2 else { continue }
            if values[1] == "unlimited" {
                limits[name] = .some(nil)
            } else if let value = UInt64(values[1]) {
                limits[name] = value
            }
        }
    }

    mutating func take(groups text: String) {
        groups = text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            return parts.count == 3 ? String(parts[2]) : nil
        }
    }

    /// `27 1 0:24 / / rw,nosuid - tmpfs tmpfs rw,…`: the fifth word is where it is mounted.
    mutating func take(mounts text: String) {
        let root = text.split(separator: "\n").last { line in
            let words = line.split(separator: " ", maxSplits: 5)
            return words.count > 5 && words[4] == "/"
        }
        guard let root, let separator = root.firstRange(of: " - ") else { return }
        hasPrivateRoot = root[separator.upperBound...].hasPrefix("tmpfs ")
    }
}

extension String {
    fileprivate var trimmedSpaces: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

/// A file of /proc, which tells no size; at most 256 KiB of it.
func text(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < 256 << 10 {
        let count = Glibc.read(file, &piece, piece.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { return nil }
        if count == 0 { break }
        bytes += piece[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// What a symbolic link says; nil where there is none.
func link(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: 4096)
    let count = target.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { readlink(path, $0.assumingMemoryBound(to: CChar.self), buffer.count) } ?? -1
    }
    return count >= 0 && count < target.count ? String(decoding: target[..<count], as: UTF8.self) : nil
}
