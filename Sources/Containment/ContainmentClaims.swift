internal import CContainment
internal import RuntimeLaunch

/// What a process said of its layers before it executed its program, to be held against what the kernel shows of it.
struct ContainmentClaims {
    struct Claim: Equatable {
        var state: ContainmentReport.State
        var step: Int32 = 0
        var error: Int32 = 0
    }

    var claims: [ContainmentLayer: Claim] = [:]
    var landlockVersion: Int32 = 0

    init(_ claims: [ContainmentLayer: Claim], landlockVersion: Int32 = 0) {
        self.claims = claims
        self.landlockVersion = landlockVersion
    }

    init(_ result: containment_result) {
        landlockVersion = result.landlock_version
        withUnsafeBytes(of: result.layers) { bytes in
            let reports = bytes.bindMemory(to: containment_report.self)
            for (layer, report) in zip(ContainmentLayer.allCases, reports) {
                let state: ContainmentReport.State =
                    switch UInt32(bitPattern: report.state) {
                    case CONTAINMENT_APPLIED.rawValue: .applied
                    case CONTAINMENT_PARTIAL.rawValue: .partial
                    default: .absent
                    }
                claims[layer] = Claim(state: state, step: report.step, error: report.error)
            }
        }
    }

    /// The report: a layer is applied where the process said so and the kernel shows it.
    ///
    /// - Parameter facts: nil where the process could not be looked at, for instance as it has ended.
    func report(
        _ program: ContainedProgram,
        facts: ProcessFacts?,
        skipping: Set<ContainmentLayer> = []
    ) -> ContainmentReport {
        ContainmentReport(
            ContainmentLayer.allCases.map { layer in
                let claim = claims[layer] ?? Claim(state: .absent)
                var state = claim.state
                var reason = reason(layer, program, skipping)
                if layer == .cgroup, state == .applied, let group = program.group, !group.limitsMemory {
                    state = .partial
                    reason = "the group \(group.path) has no control over memory"
                }
                if layer == .devices, state == .absent, claims[.landlock]?.state == .applied {
                    return .init(layer, .partial, "the box's folder of devices, of which Landlock opens five")
                }
                guard state != .absent else { return .init(layer, .absent, reason) }
                guard let facts else {
                    return .init(layer, .partial, "the process ended before it could be looked at")
                }
                if let contradiction = facts.contradiction(to: layer, program, claim.state) {
                    return .init(layer, .absent, contradiction)
                }
                return .init(layer, state, reason)
            }
        )
    }

    /// Why a layer is not applied; or, where it is, what there is to know of it.
    func reason(
        _ layer: ContainmentLayer,
        _ program: ContainedProgram,
        _ skipping: Set<ContainmentLayer>
    ) -> String {
        if skipping.contains(layer) { return "not tried" }
        let claim = claims[layer] ?? Claim(state: .absent)
        let failure = claim.error == 0 ? "" : ": \(systemMessage(claim.error))"
        switch (layer, claim.state) {
        case (.landlock, .applied): return "version \(landlockVersion)"
        case (_, .applied): return ""
        case (.user, .partial) where program.user == nil && claim.step == step(CONTAINMENT_STEP_SET_USER):
            return "no user of its own; without any capability"
        case (.user, .absent): return "no user of its own, and a user namespace was refused\(failure)"
        case (.cgroup, .absent) where program.group == nil: return "no control group was delegated to the launcher"
        case (.pid, .partial) where claim.step == step(CONTAINMENT_STEP_PROC):
            return "/proc shows the processes outside"
        case (.pid, .absent): return "a namespace of processes was refused\(failure)"
        case (.devices, .absent): return "it needs the private root of mount"
        case (.landlock, .absent) where landlockVersion == 0: return "the kernel has no Landlock\(failure)"
        default: return "\(Self.words(forStep: claim.step)) failed\(failure)"
        }
    }

    private func step(_ step: containment_step) -> Int32 { Int32(bitPattern: step.rawValue) }

    static func words(forStep step: Int32) -> String {
        switch UInt32(bitPattern: step) {
        case CONTAINMENT_STEP_PREPARE.rawValue: "preparing the start"
        case CONTAINMENT_STEP_FORK.rawValue: "creating the process"
        case CONTAINMENT_STEP_USER_NAMESPACE.rawValue: "making a user namespace"
        case CONTAINMENT_STEP_SESSION.rawValue: "making a session"
        case CONTAINMENT_STEP_DESCRIPTORS.rawValue: "passing the descriptors"
        case CONTAINMENT_STEP_JOIN_GROUP.rawValue: "joining the control group"
        case CONTAINMENT_STEP_LIMITS.rawValue: "setting limits"
        case CONTAINMENT_STEP_UNSHARE.rawValue: "making a namespace"
        case CONTAINMENT_STEP_PRIVATE_MOUNTS.rawValue: "separating the mounts"
        case CONTAINMENT_STEP_ROOT.rawValue: "making the private root"
        case CONTAINMENT_STEP_BIND.rawValue: "binding a folder into the private root"
        case CONTAINMENT_STEP_READ_ONLY.rawValue: "making the private root read-only"
        case CONTAINMENT_STEP_PROC.rawValue: "mounting /proc"
        case CONTAINMENT_STEP_PIVOT.rawValue: "changing to the private root"
        case CONTAINMENT_STEP_SET_USER.rawValue: "becoming the user"
        case CONTAINMENT_STEP_CAPABILITIES.rawValue: "giving up capabilities"
        case CONTAINMENT_STEP_NO_NEW_PRIVS.rawValue: "giving up new privileges"
        case CONTAINMENT_STEP_LANDLOCK.rawValue: "restricting paths"
        case CONTAINMENT_STEP_LANDLOCK_PROBE.rawValue: "trying whether paths are restricted"
        case CONTAINMENT_STEP_SECCOMP.rawValue: "filtering system calls"
        case CONTAINMENT_STEP_DIRECTORY.rawValue: "entering the root folder"
        case CONTAINMENT_STEP_EXEC.rawValue: "executing it"
        default: "starting"
        }
    }
}

extension ProcessFacts {
    /// What the kernel shows against a layer that was claimed; nil where it bears the claim out.
    func contradiction(
        to layer: ContainmentLayer,
        _ program: ContainedProgram,
        _ claimed: ContainmentReport.State
    ) -> String? {
        switch layer {
        case .user:
            if let user = program.user, effectiveUser != user.user { return "it still runs as another user" }
            return capabilities == 0 ? nil : "it still has capabilities"
        case .mount: return ownNamespaces.contains("mnt") && hasPrivateRoot == true ? nil : "it sees the box's root"
        case .devices: return hasPrivateRoot == true ? nil : "it sees the box's devices"
        case .pid:
            return ownNamespaces.contains("pid") && processIDs.count > 1 ? nil : "it is among the box's processes"
        case .net: return ownNamespaces.contains("net") ? nil : "it is in the box's network"
        case .cgroup:
            guard let group = program.group else { return "it is in no group of its own" }
            return groups.contains { $0.hasSuffix("/" + group.name) } ? nil : "it is not in the group \(group.path)"
        case .seccomp: return seccompMode == 2 ? nil : "no filter is in force"
        case .noNewPrivileges: return hasNoNewPrivileges == true ? nil : "the flag is not set"
        case .limits: return limits["Max core file size"] == .some(.some(0)) ? nil : "the limits are not in force"
        // Nothing under /proc tells of it; the process tried it itself before it said so.
        case .landlock: return nil
        }
    }
}
