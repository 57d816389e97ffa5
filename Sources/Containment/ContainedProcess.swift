internal import CContainment
internal import Glibc
package import RuntimeLaunch

/// A process that was started inside layers of containment, in a session of its own, and what holds it.
///
/// It is a child of this process, without a death signal: it lives on, and whoever becomes its parent reaps it.
package struct ContainedProcess: Equatable, Sendable {
    /// In this process's namespace.
    package let processID: Int32
    package let containment: ContainmentReport
    /// Whether it sees the private root, and so the scratch folder that is memory.
    package let hasPrivateRoot: Bool

    /// Starts a program; returns once it was executed and its containment was read back.
    ///
    /// Layers that the kernel does not grant are left out, and the report says why.
    ///
    /// - Parameters:
    ///   - required: layers that must be applied, else nothing is left running.
    ///   - skipping: layers that are not tried, as if the kernel had none.
    /// - Throws: `layerMissing`, `notStarted`.
    package static func start(
        _ program: ContainedProgram,
        required: Set<ContainmentLayer> = [],
        skipping: Set<ContainmentLayer> = []
    ) throws(ContainmentError) -> ContainedProcess {
        let memory = CStrings()
        var result = containment_result()
        let answer = withRequest(program, required, skipping, memory) { containment_start($0, &result) }
        let claims = ContainmentClaims(result)
        guard answer == 0 else {
            if UInt32(bitPattern: result.step) == CONTAINMENT_STEP_REQUIRED.rawValue,
                let layer = ContainmentLayer(cLayer: Int(result.error))
            {
                throw .layerMissing(layer: layer.rawValue, reason: claims.reason(layer, program, skipping))
            }
            let step = ContainmentClaims.words(forStep: result.step)
            throw .notStarted(program: program.program, step: step, code: result.error)
        }
        let facts = ProcessFacts.read(result.pid)
        let report = claims.report(program, facts: facts, skipping: skipping)
        // What was found missing only now: the process claimed a layer that the kernel does not show.
        if let missing = report.layers.first(where: { required.contains($0.layer) && $0.state != .applied }) {
            kill(result.pid, SIGKILL)
            while waitpid(result.pid, nil, 0) < 0, errno == EINTR {}
            throw .layerMissing(layer: missing.layer.rawValue, reason: missing.reason)
        }
        return ContainedProcess(
            processID: result.pid,
            containment: report,
            hasPrivateRoot: result.private_root != 0
        )
    }
}

extension ContainmentLayer {
    /// The layers' numbers in C are their places in the list.
    init?(cLayer: Int) {
        guard Self.allCases.indices.contains(cLayer) else { return nil }
        self = Self.allCases[cLayer]
    }

    static func bits(_ layers: Set<ContainmentLayer>) -> UInt32 {
        allCases.enumerated().reduce(0) { bits, layer in
            layers.contains(layer.element) ? bits | 1 << UInt32(layer.offset) : bits
        }
    }
}

/// C strings and arrays of them, kept until the object goes.
private final class CStrings {
    private var strings: [UnsafeMutablePointer<CChar>?] = []
    private var arrays: [UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>] = []

    func string(_ text: String) -> UnsafePointer<CChar>? {
        let copy = strdup(text)
        strings.append(copy)
        return copy.map { UnsafePointer($0) }
    }

    /// As exec wants it: ends with null.
    func array(_ texts: [String]) -> UnsafePointer<UnsafeMutablePointer<CChar>?>? {
        let array = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
        array.initialize(repeating: nil)
        for (index, text) in texts.enumerated() {
            array[index] = strdup(text)
            strings.append(array[index])
        }
        arrays.append(array)
        return UnsafePointer(array.baseAddress)
    }

    deinit {
        for string in strings { free(string) }
        for array in arrays { array.deallocate() }
    }
}

private func withRequest(
    _ program: ContainedProgram,
    _ required: Set<ContainmentLayer>,
    _ skipping: Set<ContainmentLayer>,
    _ memory: CStrings,
    _ body: (UnsafePointer<containment_request>) -> Int32
) -> Int32 {
    let environment = { (scratch: String?) in
        var variables = program.environment
        if let scratch {
            variables["HOME"] = scratch
            variables["TMPDIR"] = scratch
        }
        return memory.array(variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
    }
    let cPlaces = { (places: [ContainedProgram.Place]) in
        places.map { containment_path(path: memory.string($0.path), access: $0.cAccess) }
    }
    let descriptors = program.descriptors.sorted { $0.key < $1.key }
        .map { containment_descriptor(child: $0.key, parent: $0.value) }
    let binds = cPlaces(program.outermostPlaces)
    let rules = cPlaces(program.places + [ContainedProgram.Place("/proc")])
    return descriptors.withUnsafeBufferPointer { descriptors in
        binds.withUnsafeBufferPointer { binds in
            rules.withUnsafeBufferPointer { rules in
                var request = containment_request()
                request.program = memory.string(program.program)
                request.arguments = memory.array([program.program] + program.arguments)
                request.environment_private = environment(ContainedProgram.privateScratch)
                request.environment_plain = environment(program.plainScratch)
                request.descriptors = descriptors.baseAddress
                request.descriptor_count = descriptors.count
                request.privileged = geteuid() == 0 ? 1 : 0
                if let user = program.user {
                    request.change_user = 1
                    request.user = user.user
                    request.group = user.group
                }
                request.binds = binds.baseAddress
                request.bind_count = binds.count
                request.rules = rules.baseAddress
                request.rule_count = rules.count
                request.private_scratch = memory.string(ContainedProgram.privateScratch)
                request.private_scratch_bytes = program.scratchBytes
                request.plain_scratch = program.plainScratch.flatMap { memory.string($0) }
                request.group_procs = program.group?.processes ?? -1
                request.group_limits_memory = program.group?.limitsMemory == true ? 1 : 0
                request.open_files = program.openFiles
                request.processes = program.processes
                request.data_bytes = program.dataBytes ?? 0
                request.skip = ContainmentLayer.bits(skipping)
                request.required = ContainmentLayer.bits(required)
                return withUnsafePointer(to: request, body)
            }
        }
    }
}

extension ContainedProgram.Place {
    fileprivate var cAccess: Int32 {
        let access: UInt32 =
            switch self.access {
            case .read: CONTAINMENT_READ.rawValue
            case .readAndExecute: CONTAINMENT_READ.rawValue | CONTAINMENT_EXECUTE.rawValue
            case .device: CONTAINMENT_DEVICE.rawValue
            }
        return Int32(access | (followsLinks ? 0 : CONTAINMENT_NO_LINKS.rawValue))
    }
}
