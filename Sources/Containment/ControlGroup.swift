internal import CContainment
internal import Glibc

/// A control group made for one runtime (cgroups(7)), below a group that was given to the launcher.
///
/// Groups are made nowhere else: the tree belongs to whoever manages the box, usually systemd.
package final class ControlGroup: Equatable, Sendable {
    /// The group's folder, and its last part.
    package let path: String
    package let name: String
    /// Whether the memory used by what is in it is counted, and bounded where a limit was asked for.
    package let limitsMemory: Bool
    /// `cgroup.procs`, open for writing; owned by this object.
    let processes: Int32

    private init(path: String, name: String, limitsMemory: Bool, processes: Int32) {
        self.path = path
        self.name = name
        self.limitsMemory = limitsMemory
        self.processes = processes
    }

    deinit { close(processes) }

    package static func == (left: ControlGroup, right: ControlGroup) -> Bool { left === right }

    /// Makes the group, or takes the one of that name that an earlier runtime left; nil where that is not possible.
    ///
    /// - Parameters:
    ///   - parent: a folder of a hierarchy of control groups, of version 2 or of version 1.
    ///   - memoryLimitBytes: nil counts and does not limit.
    package static func make(
        _ name: String,
        below parent: String,
        memoryLimitBytes: Int?,
        processLimit: UInt64
    ) -> ControlGroup? {
        // A folder of any other file system can be made as well, and bounds nothing.
        guard access(parent + "/cgroup.procs", F_OK) == 0 else { return nil }
        let path = parent + "/" + name
        let isVersion2 = access(parent + "/cgroup.controllers", F_OK) == 0
        if isVersion2 { enableControllers(parent) }
        // Empty ones go, so that limits and counts start anew; one that is in use can't be removed and is joined.
        rmdir(path)
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { return nil }
        let limit = memoryLimitBytes.map(String.init)
        let limitsMemory: Bool
        if isVersion2 {
            limitsMemory = put(limit ?? "max", path + "/memory.max")
            put("1", path + "/memory.oom.group")
            put("\(processLimit)", path + "/pids.max")
        } else {
            limitsMemory = put(limit ?? "-1", path + "/memory.limit_in_bytes")
            put("\(processLimit)", path + "/pids.max")
        }
        let processes = open(path + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
        guard processes >= 0 else {
            rmdir(path)
            return nil
        }
        return ControlGroup(path: path, name: name, limitsMemory: limitsMemory, processes: processes)
    }

    /// The start of the names of runtimes' groups.
    static let prefix = "edge."

    /// Removes groups of runtimes that have ended; the kernel refuses to remove one that a process is in.
    package static func removeEmpty(below parent: String) {
        guard let folder = opendir(parent) else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(prefix) { rmdir("\(parent)/\(name)") }
        }
    }

    /// In version 2 a group that hands controllers to its children holds no processes itself, so the launcher moves out of
    /// the way, into a child of its own.
    private static func enableControllers(_ parent: String) {
        if put("+memory +pids", parent + "/cgroup.subtree_control") { return }
        guard errno == EBUSY else {
            put("+memory", parent + "/cgroup.subtree_control")
            return
        }
        let own = parent + "/launcher"
        guard mkdir(own, 0o755) == 0 || errno == EEXIST else { return }
        for process in (text(parent + "/cgroup.procs") ?? "").split(separator: "\n") {
            put(String(process), own + "/cgroup.procs")
        }
        if !put("+memory +pids", parent + "/cgroup.subtree_control") {
            put("+memory", parent + "/cgroup.subtree_control")
        }
    }

    @discardableResult
    private static func put(_ value: String, _ path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer {
            let code = errno
            close(file)
            errno = code
        }
        return write(file, value, value.utf8.count) == value.utf8.count
    }

    /// The group that systemd has handed to this process (`Delegate=yes`, which it marks on the folder); nil where none is.
    package static func delegated() -> String? {
        guard let line = text("/proc/self/cgroup")?.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }),
            let mount = text("/proc/self/mountinfo").flatMap(mountPointOfVersion2)
        else { return nil }
        let own = mount + (line.dropFirst(3) == "/" ? "" : line.dropFirst(3))
        // With DelegateSubgroup= the process is one below the marked group.
        let above = own.lastIndex(of: "/").map { String(own[..<$0]) }
        return [own, above].compactMap { $0 }.first { containment_is_delegated($0) != 0 }
    }

    static func mountPointOfVersion2(_ mounts: String) -> String? {
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 6, let separator = words.firstIndex(of: "-"), separator + 1 < words.count,
                words[separator + 1] == "cgroup2"
            else { continue }
            return String(words[4])
        }
        return nil
    }
}
