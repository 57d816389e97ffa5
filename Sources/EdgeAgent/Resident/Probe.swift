internal import BundleManifest
internal import Deployment
internal import Diagnostics
internal import Digest
internal import FileSystem
internal import Glibc
internal import UnixSockets

/// What a check of the runtime is to do.
struct CheckOrder {
    var bundle: SHA256Digest
    var acceptance: Acceptance?
    /// The labelled data, in the store.
    var data: String?
}

/// A check of a bundle that runs on its own, off the public socket.
final class CheckRun {
    let order: CheckOrder
    let handle: ProcessHandle
    let began: Duration
    private let output: Descriptor
    private var printed: [UInt8] = []
    private var isOpen = true

    init(_ order: CheckOrder, handle: ProcessHandle, output: Descriptor, at now: Duration) {
        self.order = order
        self.handle = handle
        self.output = output
        began = now
        _ = fcntl(output.number, F_SETFL, O_NONBLOCK)
    }

    deinit { if !handle.hasEnded { _ = try? handle.signal(SIGKILL) } }

    var descriptors: [Int32] { isOpen ? [output.number, handle.descriptor] : [handle.descriptor] }

    /// What was found, once it has ended: nil inside where nothing whole was said.
    func advance() -> CheckRecord?? {
        read()
        guard handle.hasEnded else { return nil }
        read()
        return .some(CheckRecord(printed))
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while isOpen {
            let count = Glibc.read(output.number, &buffer, buffer.count)
            if count > 0 {
                // More than a record is no record.
                if printed.count <= CheckRecord.limitBytes { printed += buffer[..<count] }
            } else if count < 0, errno == EINTR {
                continue
            } else {
                if count == 0 { isOpen = false }
                return
            }
        }
    }
}

/// The probe of a candidate: its samples, and the acceptance set where the deployment names one.
struct Probe {
    let candidate: UpdateCandidate
    var acceptance: Acceptance?
    var run: CheckRun
    /// The candidate's, once that of the incumbent is being made.
    var found: CheckRecord?

    var descriptors: [Int32] { run.descriptors }

    /// When the check has taken too long. A labelled record may take a second; a machine that hangs takes for ever.
    func deadline(startLimit: Int) -> Duration {
        run.began + .seconds(startLimit + min(acceptance?.records ?? 0, Self.mostRecordSeconds))
    }

    /// With the longest usual start it stays below what the update's machine takes for a hang.
    private static let mostRecordSeconds = 2400
}

extension EndpointHost {
    /// Memory that is left to the rest of the box while two models are in it.
    private static let memoryMargin = 16 << 20
    /// A candidate whose check ends so often without a word is judged by that.
    private static let mostSilentEnds = 3

    func beginProbe(_ candidate: UpdateCandidate) {
        if let needed = plan?.memoryBytes, let available = HostFacts.availableMemory(),
            available < needed + Self.memoryMargin
        {
            return post(
                .probed(.waiting(.memory)),
                because: "the bundle needs \(Quantity.readable(bytes: needed)) of memory beside the one that runs, "
                    + "\(Quantity.readable(bytes: available)) are free"
            )
        }
        do {
            var order = CheckOrder(bundle: candidate.bundle)
            if let reference = try gates(of: candidate).acceptance {
                let acceptance = try environment.store.acceptance(reference, for: name)
                order.acceptance = acceptance
                order.data = FileSystem.join(environment.layout.contents, acceptance.data.hex)
            }
            let run = try environment.check(order, for: self)
            probe = Probe(candidate: candidate, acceptance: order.acceptance, run: run)
        } catch {
            post(.probed(.failed(.helperKilled)), because: "the probe could not be started: \(error)")
        }
    }

    /// What the deployment that brought the candidate asks of it, which newer metadata may have left behind.
    func gates(of candidate: UpdateCandidate) throws -> Gates {
        guard let path = plan?.deployment, let newest = DeploymentLocation(path: path) else { return Gates() }
        let location = DeploymentLocation(channel: newest.channel, endpoint: name, serial: candidate.serial)
        return try environment.store.deployment(at: location.path).gates
    }

    func advanceProbe(at now: Duration) {
        guard let probe else { return }
        guard let ended = probe.run.advance() else {
            let deadline = probe.deadline(startLimit: box.startLimitSeconds)
            guard now > deadline else { return }
            self.probe = nil
            failedSlot = nil
            guard probe.found == nil else {
                // That is no fault of the candidate's.
                say("the running bundle could not be measured in time")
                return post(.probed(.failed(.helperKilled)))
            }
            let seconds = (deadline - probe.run.began).components.seconds
            return post(.probed(.refused("its samples were not answered within \(seconds) s")))
        }
        self.probe = nil
        if let found = probe.found { return judgeAcceptance(probe, found, incumbent: ended) }
        failedSlot = nil
        guard let record = ended else {
            let result = silentEnd()
            let isSetback = result == .failed(.helperKilled)
            return post(.probed(result), because: isSetback ? "its check ended without a result" : nil)
        }
        if let problem = Self.problem(of: record, candidate: probe.candidate, memory: plan?.memoryBytes) {
            return post(.probed(.refused(problem)))
        }
        guard let acceptance = probe.acceptance else { return post(.probed(.passed)) }
        guard acceptance.bar.againstIncumbent != nil, let incumbent = serving?.bundle else {
            return judgeAcceptance(probe, record, incumbent: nil)
        }
        do {
            var order = probe.run.order
            order.bundle = incumbent
            var next = probe
            next.found = record
            next.run = try environment.check(order, for: self)
            self.probe = next
        } catch {
            post(.probed(.failed(.helperKilled)), because: "the running bundle could not be measured: \(error)")
        }
    }

    private static func problem(of record: CheckRecord, candidate: UpdateCandidate, memory: Int?) -> String? {
        guard record.digest == candidate.bundle else {
            return "the runtime loaded another bundle, \(record.digest.hex)"
        }
        guard record.passed else {
            return "\(record.failed) of \(record.samples) samples were answered otherwise than when it was built"
        }
        if let memory, record.peakBytes > memory {
            return
                "it took \(Quantity.readable(bytes: record.peakBytes)) of memory, its budget is \(Quantity.readable(bytes: memory))"
        }
        return nil
    }

    /// An end without a record: the runtime says why in its log, or somebody killed it.
    private func silentEnd() -> ProbeResult {
        if let line = LogFile.lastLine(of: environment.layout.checkLog(name)), line.hasPrefix("error: ") {
            return .refused(String(line.dropFirst("error: ".count)))
        }
        let ends = (updater.machine.attempt?.setbacks ?? 0) + 1
        guard ends < Self.mostSilentEnds else { return .refused("its check ended without a result \(ends) times") }
        return .failed(.helperKilled)
    }

    private func judgeAcceptance(_ probe: Probe, _ record: CheckRecord, incumbent: CheckRecord??) {
        guard let acceptance = probe.acceptance, let measured = record.acceptance else {
            return post(.probed(.refused("it gave no figure for the acceptance set")))
        }
        let other: Acceptance.Incumbent =
            switch incumbent {
            case nil: serving == nil ? .none : .notMeasured
            case .some(let record): record?.acceptance.map { .measured($0.value) } ?? .notMeasured
            }
        say("\(acceptance.metric.name) on the acceptance set: \(measured.value) of \(measured.records) records")
        switch acceptance.judge(candidate: measured.value, records: measured.records, incumbent: other) {
        case .passed: post(.probed(.passed))
        case .failed(let why): post(.probed(.refused(why)))
        case .inconclusive(let why):
            post(.probed(.waiting(.samples)), because: why)
        }
    }
}
