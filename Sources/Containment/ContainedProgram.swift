/// What to start inside layers of containment: nothing reaches the process that is not named here.
package struct ContainedProgram: Equatable, Sendable {
    /// What a process may do with a place and all below it.
    package enum Access: Equatable, Sendable {
        case read
        case readAndExecute
        /// A device file, opened for reading and writing.
        case device
    }

    package struct Place: Equatable, Sendable {
        /// Absolute. What is not there is left out.
        package var path: String
        package var access: Access
        /// No part of the path may be a symbolic link: for places in folders that others write to.
        package var followsLinks: Bool

        package init(_ path: String, _ access: Access = .read, followsLinks: Bool = true) {
            self.path = path
            self.access = access
            self.followsLinks = followsLinks
        }
    }

    /// Another user for the process; root alone can become one.
    package struct User: Hashable, Sendable {
        package var user: UInt32
        package var group: UInt32

        package init(user: UInt32, group: UInt32) {
            self.user = user
            self.group = group
        }
    }

    /// Absolute path.
    package var program: String
    /// After the program's name.
    package var arguments: [String]
    /// The whole environment but `HOME` and `TMPDIR`, which name the scratch folder.
    package var environment: [String: String]
    /// Number in the process -> descriptor of this one. 0 is `/dev/null`; all that is not listed is closed.
    package var descriptors: [Int32: Int32]
    /// All that the process may open. The program must be among them.
    package var places: [Place]
    /// Nil: stays the user of this process.
    package var user: User?
    /// Where it may write if it gets no private root, an absolute path; nil: nowhere.
    package var plainScratch: String?
    /// The most that lies in the scratch folder of a private root, which is memory.
    package var scratchBytes: UInt64 = 64 << 20
    /// The group that it joins, by the descriptor of its `cgroup.procs`; see ``ControlGroup``.
    package var group: ControlGroup?
    /// The most open files.
    package var openFiles: UInt64 = 16384
    /// The most processes and threads of its user.
    package var processes: UInt64 = 4096
    /// The most private memory of each process where no group bounds what all of them use.
    package var dataBytes: UInt64?

    package init(program: String, arguments: [String], descriptors: [Int32: Int32], places: [Place]) {
        self.program = program
        self.arguments = arguments
        self.environment = [:]
        self.descriptors = descriptors
        self.places = places
    }

    /// Where the scratch folder of a private root is.
    package static let privateScratch = "/run/scratch"

    /// Places of every program: the system's programs and libraries, what they read to start, and harmless devices.
    package static let system: [Place] =
        ["/usr", "/opt", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].map { Place($0, .readAndExecute) }
        + [
            "/etc/alternatives", "/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
            "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd", "/etc/ssl/openssl.cnf", "/etc/timezone",
            "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup",
        ].map { Place($0) }
        + ["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"].map { Place($0, .device) }

    /// The places without those that lie below another folder of them: what is bound into a private root.
    var outermostPlaces: [Place] {
        let folders = Set(places.filter { $0.access != .device }.map(\.path))
        var seen: Set<String> = []
        return places.filter { place in
            guard seen.insert(place.path).inserted else { return false }
            var parent = place.path[...]
            while let slash = parent.lastIndex(of: "/"), slash > parent.startIndex {
                parent = parent[..<slash]
                if folders.contains(String(parent)) { return false }
            }
            return true
        }
    }
}
