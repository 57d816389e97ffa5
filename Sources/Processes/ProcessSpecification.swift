/// What to start and how: nothing is inherited that is not named here.
package struct ProcessSpecification: Sendable {
    /// The process group that the child starts in.
    package enum Group: Sendable {
        /// The parent's: a terminal's Ctrl-C reaches both.
        case inherited
        /// A new process group, led by the child, so that the child and what it starts can be killed together.
        case new
        /// A new session (and group): also loses the controlling terminal.
        case newSession
    }

    /// Path of the program. It is not looked up in PATH (see `Processes.find`); a relative path is seen from
    /// `workingDirectory`.
    package var program: String
    /// The arguments after the program's name.
    package var arguments: [String]
    /// The whole environment; nothing is inherited.
    package var environment: [String: String]
    /// nil: this process's.
    package var workingDirectory: String?
    /// Number in the child -> descriptor of this process. 0, 1 and 2 are `/dev/null` where they are not listed; every
    /// other descriptor is closed in the child. The parent's stay open and remain the caller's.
    package var descriptors: [Int32: Int32]
    package var group: Group
    /// A signal that the child gets when the *thread* that started it ends (prctl(2), PR_SET_PDEATHSIG): start such a
    /// child from a thread that lives as long as the child should.
    package var parentDeathSignal: Int32?
    package var limits: ResourceLimits
    /// False: neither the child nor what it starts can gain privileges through setuid programs.
    package var mayGainPrivileges: Bool

    package init(
        program: String,
        arguments: [String] = [],
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        descriptors: [Int32: Int32] = [:],
        group: Group = .inherited,
        parentDeathSignal: Int32? = nil,
        limits: ResourceLimits = ResourceLimits(),
        mayGainPrivileges: Bool = true
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.descriptors = descriptors
        self.group = group
        self.parentDeathSignal = parentDeathSignal
        self.limits = limits
        self.mayGainPrivileges = mayGainPrivileges
    }
}

/// Limits of setrlimit(2), each soft and hard alike; nil leaves the parent's.
///
/// A limit above the present hard limit is lowered to it.
package struct ResourceLimits: Sendable, Equatable {
    /// Bytes of address space (RLIMIT_AS). Counts reservations, not memory in use.
    package var addressSpaceBytes: UInt64?
    /// One more than the highest descriptor (RLIMIT_NOFILE).
    package var openFiles: UInt64?
    /// Bytes of a core dump (RLIMIT_CORE): none by default, as it would hold the caller's data.
    package var coreBytes: UInt64?
    /// Bytes that a file may grow to (RLIMIT_FSIZE).
    package var fileSizeBytes: UInt64?
    /// Seconds of processor time (RLIMIT_CPU); the child is killed after them.
    package var cpuSeconds: UInt64?

    package init(
        addressSpaceBytes: UInt64? = nil,
        openFiles: UInt64? = nil,
        coreBytes: UInt64? = 0,
        fileSizeBytes: UInt64? = nil,
        cpuSeconds: UInt64? = nil
    ) {
        self.addressSpaceBytes = addressSpaceBytes
        self.openFiles = openFiles
        self.coreBytes = coreBytes
        self.fileSizeBytes = fileSizeBytes
        self.cpuSeconds = cpuSeconds
    }
}
