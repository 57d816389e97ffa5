internal import Deployment
internal import Digest
internal import Glibc
internal import Processes
internal import RuntimeLaunch
internal import UnixSockets

/// How hosts have runtimes started: by the launcher, with sockets and logs that the agent makes.
struct LaunchPort: Sendable {
    private let launcher: RuntimeLauncher
    private let python: String?

    init(_ programs: BoxConfiguration.Programs, _ layout: StoreLayout) {
        launcher =
            programs.launcherSocket.map { .socket(path: $0) }
            ?? .program(path: programs.launcher, store: layout.root, options: ["--runtime", programs.runtime])
        python = programs.python
    }

    fileprivate func launch(_ request: LaunchRequest, channel: Int32, log: Int32) throws -> Launched {
        var request = request
        request.python = python
        switch try launcher.launch(request, channel: channel, log: log) {
        case .failed(let step, _, let text): throw LaunchFailure(description: "\(step): \(text)")
        case .started(let processID, let containment):
            guard let handle = try ProcessHandle.open(processID) else {
                throw LaunchFailure(description: "it ended at once")
            }
            return Launched(handle: handle, containment: containment)
        }
    }
}

private struct Launched {
    let handle: ProcessHandle
    let containment: ContainmentReport
}

struct LaunchFailure: Error, CustomStringConvertible {
    let description: String
}

extension AgentEnvironment {
    /// Starts a runtime that loads a generation and waits to be told to serve.
    func launch(
        _ bundle: SHA256Digest,
        for host: EndpointHost,
        in slot: Slot,
        at now: Duration
    ) throws -> RunningRuntime {
        let path = layout.control(host.name, slot)
        let control = try MessageListener(path: path, mode: 0o600)
        // The runtime listens on; the file stays for the agents to come.
        defer { control.close(removingFile: false) }
        let log = Descriptor(adopting: try LogFile.open(layout.log(host.name, slot)))
        var request = try LaunchRequest(.serve, endpoint: host.name.text, slot: slot.launched, bundle: bundle)
        request.memoryLimitBytes = store.memoryLimit(of: bundle)
        let launched = try launcher.launch(request, channel: control.descriptor, log: log.number)
        host.say(
            "started the runtime \(launched.handle.processID) for \(bundle.hex.prefix(12)), "
                + "containment \(launched.containment.summary.rawValue)"
        )
        return RunningRuntime(
            launched.handle,
            slot: slot,
            bundle: bundle,
            controlPath: path,
            containment: launched.containment.summary,
            at: now
        )
    }

    /// Starts a check of a bundle, off every socket.
    func check(_ order: CheckOrder, for host: EndpointHost) throws -> CheckRun {
        let ends = try Processes.outputPipe()
        let (output, input) = (Descriptor(adopting: ends.readEnd), Descriptor(adopting: ends.writeEnd))
        let path = layout.checkLog(host.name)
        // Of this check alone, so that its last line is this check's.
        unlink(path)
        let log = Descriptor(adopting: try LogFile.open(path))
        // A slot of the endpoint that nothing runs in, or else nothing serves from: its scratch is free.
        let taken = host.runtimes.map(\.slot)
        let slot = Slot.allCases.first { !taken.contains($0) } ?? host.serving?.slot.other ?? .blue
        var request = try LaunchRequest(.check, endpoint: host.name.text, slot: slot.launched, bundle: order.bundle)
        request.memoryLimitBytes = store.memoryLimit(of: order.bundle)
        if let acceptance = order.acceptance {
            request.acceptance = .init(document: acceptance.location.path, data: acceptance.data)
        }
        let launched = try launcher.launch(request, channel: input.number, log: log.number)
        return CheckRun(order, handle: launched.handle, output: output, at: now())
    }
}

extension Slot {
    fileprivate var launched: LaunchRequest.Slot { self == .blue ? .blue : .green }
}
