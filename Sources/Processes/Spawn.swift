internal import CProcess
internal import Glibc

/// Calls `process_spawn` with everything laid out in memory beforehand.
func spawn(_ specification: ProcessSpecification) throws(ProcessError) -> (pid: Int32, pidfd: Int32) {
    let program = specification.program
    for argument in [program] + specification.arguments + [specification.workingDirectory ?? ""]
    where argument.utf8.contains(0) {
        throw .invalidArgument(program: program, argument: argument)
    }
    var variables: [String] = []
    for (name, value) in specification.environment.sorted(by: { $0.key < $1.key }) {
        guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "=")), !name.utf8.contains(0), !value.utf8.contains(0)
        else { throw .invalidArgument(program: program, argument: name) }
        variables.append("\(name)=\(value)")
    }
    let arguments = CStringArray([program] + specification.arguments)
    let environment = CStringArray(variables)
    let paths = CStringArray([program] + (specification.workingDirectory.map { [$0] } ?? []))
    let descriptors = specification.descriptors.sorted { $0.key < $1.key }
        .map { process_descriptor(child: $0.key, parent: $0.value) }
    let limits = cLimits(specification.limits)

    var result = process_spawn_result()
    let answer = descriptors.withUnsafeBufferPointer { descriptors in
        limits.withUnsafeBufferPointer { limits in
            var request = process_spawn_request()
            request.program = UnsafePointer(paths.pointers[0])
            request.working_directory = paths.pointers[1].map { UnsafePointer($0) }
            request.arguments = UnsafePointer(arguments.pointers.baseAddress)
            request.environment = UnsafePointer(environment.pointers.baseAddress)
            request.descriptors = descriptors.baseAddress
            request.descriptor_count = descriptors.count
            request.limits = limits.baseAddress
            request.limit_count = limits.count
            request.group = cGroup(specification.group)
            request.parent_death_signal = specification.parentDeathSignal ?? 0
            request.no_new_privileges = specification.mayGainPrivileges ? 0 : 1
            return process_spawn(&request, &result)
        }
    }
    guard answer != 0 else { return (result.pid, result.pidfd) }
    let step = ProcessError.Step(cStep: result.step)
    if step == .execute, result.error == ENOENT || result.error == ENOTDIR { throw .notFound(program: program) }
    let detail = step == .directory ? specification.workingDirectory : nil
    throw .notStarted(program: program, step: step, detail: detail, errno: result.error)
}

/// C strings and the array of pointers to them, ending with null, as exec wants them.
private final class CStringArray {
    let pointers: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>

    init(_ strings: [String]) {
        pointers = .allocate(capacity: strings.count + 1)
        pointers.initialize(repeating: nil)
        for (index, string) in strings.enumerated() { pointers[index] = strdup(string) }
    }

    deinit {
        for pointer in pointers { free(pointer) }
        pointers.deallocate()
    }
}

private func cGroup(_ group: ProcessSpecification.Group) -> Int32 {
    switch group {
    case .inherited: Int32(PROCESS_GROUP_INHERITED.rawValue)
    case .new: Int32(PROCESS_GROUP_NEW.rawValue)
    case .newSession: Int32(PROCESS_GROUP_NEW_SESSION.rawValue)
    }
}

private func cLimits(_ limits: ResourceLimits) -> [process_limit] {
    let pairs = [
        (PROCESS_RESOURCE_ADDRESS_SPACE, limits.addressSpaceBytes),
        (PROCESS_RESOURCE_OPEN_FILES, limits.openFiles),
        (PROCESS_RESOURCE_CORE_SIZE, limits.coreBytes),
        (PROCESS_RESOURCE_FILE_SIZE, limits.fileSizeBytes),
        (PROCESS_RESOURCE_CPU_SECONDS, limits.cpuSeconds),
    ]
    return pairs.compactMap { resource, value in
        value.map { process_limit(resource: Int32(resource.rawValue), value: $0) }
    }
}

extension ProcessError.Step {
    init(cStep: Int32) {
        switch UInt32(bitPattern: cStep) {
        case PROCESS_STEP_FORK.rawValue: self = .fork
        case PROCESS_STEP_GROUP.rawValue: self = .group
        case PROCESS_STEP_PARENT.rawValue: self = .parent
        case PROCESS_STEP_DESCRIPTORS.rawValue: self = .descriptors
        case PROCESS_STEP_LIMITS.rawValue: self = .limits
        case PROCESS_STEP_PRIVILEGES.rawValue: self = .privileges
        case PROCESS_STEP_DIRECTORY.rawValue: self = .directory
        case PROCESS_STEP_EXEC.rawValue: self = .execute
        default: self = .prepare
        }
    }
}
