internal import Glibc
package import RuntimeLaunch

/// Answers requests: from a message and its descriptors to a runtime that runs, and the reply.
package struct Launcher {
    private let profile: LaunchProfile
    private let group: String?

    package init(_ settings: LauncherSettings) {
        profile = LaunchProfile(settings)
        group = settings.group ?? ControlGroup.delegated()
    }

    /// Never throws: what is wrong with a request is what the reply says.
    ///
    /// - Parameters:
    ///   - message: a ``LaunchRequest``, by whoever.
    ///   - descriptors: what came with it; they stay the caller's.
    ///   - skipping: layers that are not tried.
    package func answer(
        _ message: [UInt8],
        descriptors: [Int32],
        skipping: Set<ContainmentLayer> = []
    ) -> LaunchReply {
        do throws(LaunchError) {
            let request = try LaunchRequest(message: message)
            guard descriptors.count == LaunchRequest.descriptorCount else {
                throw .badRequest("\(descriptors.count) descriptors came with it, not \(LaunchRequest.descriptorCount)")
            }
            return start(request, channel: descriptors[0], log: descriptors[1], skipping)
        } catch {
            return .failed(step: "request", errno: 0, text: error.message)
        }
    }

    /// To be called when runtimes may have ended.
    package func tidy() {
        if let group { ControlGroup.removeEmpty(below: group) }
    }

    private func start(
        _ request: LaunchRequest,
        channel: Int32,
        log: Int32,
        _ skipping: Set<ContainmentLayer>
    ) -> LaunchReply {
        do throws(ContainmentError) {
            var program = try profile.program(for: request, channel: channel, log: log)
            let name = LaunchProfile.name(request)
            program.plainScratch = ScratchFolder.make(
                store: profile.settings.store,
                name: "scratch.\(name)",
                user: program.user
            )
            if let group, !skipping.contains(.cgroup) {
                program.group = ControlGroup.make(
                    "\(ControlGroup.prefix)\(name)",
                    below: group,
                    memoryLimitBytes: request.memoryLimitBytes,
                    processLimit: program.processes
                )
            }
            let process = try ContainedProcess.start(program, required: request.required, skipping: skipping)
            return .started(processID: process.processID, containment: process.containment)
        } catch {
            switch error {
            case .refused(let reason): return .failed(step: "request", errno: 0, text: reason)
            case .layerMissing(let layer, _): return .failed(step: layer, errno: 0, text: error.message)
            case .notStarted(_, _, let code): return .failed(step: "start", errno: code, text: error.message)
            case .noSuchUser: return .failed(step: "user", errno: 0, text: error.message)
            }
        }
    }
}
