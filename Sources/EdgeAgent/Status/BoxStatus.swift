package import BundleManifest
package import Deployment
package import Digest
internal import FileSystem
package import JSON
package import RuntimeControl
internal import UnixSockets
internal import WallClock

/// What a box runs and does, read from its store and asked of its runtimes; needs no running agent.
package struct BoxStatus: Sendable {
    package struct Title: Equatable, Sendable {
        package var name: BundleName
        package var version: BundleVersion
    }

    /// What a runtime itself says.
    package struct Runtime: Equatable, Sendable {
        package var processID: Int32
        package var phase: String
        /// Of what it has loaded, which is the truth whatever the store says.
        package var loaded: SHA256Digest
        package var counters: ServingCounters?
    }

    package struct Endpoint: Sendable {
        package var name: EndpointName
        package var listen: String
        package var state: EndpointState
        package var plan: EndpointPlan?
        /// Why the plan may not be today's.
        package var problem: SyncProblem?
        /// Whether its state can't be written, so that what is read here is what it was before.
        package var isHalted: Bool
        package var runtimes: [Runtime]
        /// Of the bundles that are installed.
        package var titles: [SHA256Digest: Title]

        /// The bundle that answers requests now.
        package var serving: Runtime? { runtimes.first { $0.phase == "serving" } }

        package func title(_ bundle: SHA256Digest) -> String {
            titles[bundle].map { "\($0.name) \($0.version)" } ?? String(bundle.hex.prefix(12))
        }
    }

    package var box: BoxConfiguration
    /// Whether a resident agent answers.
    package var isAgentRunning: Bool { presence != nil }
    /// What the resident agent is at; nil where none answers.
    package var presence: AgentPresence?
    package var plan: SyncPlan?
    /// Why the repository can't be followed now; nil while it can.
    package var problem: SyncProblem?
    package var endpoints: [Endpoint]

    /// Throws where the store can't be read.
    package static func read(_ layout: StoreLayout) throws -> BoxStatus {
        let store = try AgentStore(layout)
        let box = try store.box()
        let plan = try store.plan()
        let problem = SyncProblem.noted(in: layout)
        let presence = AgentCall.presence(layout)
        let isHalted = if case .halted? = presence { true } else { false }
        let endpoints = try box.endpoints.sorted { $0.key < $1.key }.map { name, settings in
            let state = try store.state(of: name)
            let runtimes = Slot.allCases.compactMap { slot in
                (try? RunningRuntime.find(slot: slot, controlPath: layout.control(name, slot), at: .zero)).flatMap {
                    $0
                }
            }
            let generations = state.progress.generations
            let bundles =
                [generations.current?.bundle, generations.previous?.bundle, state.progress.attempt?.candidate.bundle]
                + runtimes.map(\.bundle) + generations.fallbacks
            return Endpoint(
                name: name,
                listen: settings.listen,
                state: state,
                plan: plan?.endpoints[name],
                problem: problem,
                isHalted: isHalted,
                runtimes: runtimes.map { runtime in
                    Runtime(
                        processID: runtime.handle.processID,
                        phase: runtime.phase.rawValue,
                        loaded: runtime.bundle,
                        counters: runtime.phase == .serving ? runtime.counters() : nil
                    )
                },
                titles: titles(of: bundles.compactMap { $0 }, store)
            )
        }
        return BoxStatus(
            box: box,
            presence: presence,
            plan: plan,
            problem: problem,
            endpoints: endpoints
        )
    }

    private static func titles(of bundles: [SHA256Digest], _ store: AgentStore) -> [SHA256Digest: Title] {
        var titles: [SHA256Digest: Title] = [:]
        for bundle in Set(bundles) { titles[bundle] = store.title(of: bundle) }
        return titles
    }
}

extension BoxStatus {
    /// Why updates stand still although an agent runs; nil where they don't.
    package var halted: String? { if case .halted(let problem)? = presence { problem } else { nil } }

    /// For programs: the members are documented in docs/agent.md.
    package var json: JSONValue {
        [
            "agent": .string(isAgentRunning ? "running" : "stopped"), "channel": .string(box.channel.rawValue),
            "device": .string(box.device.text), "endpoints": .array(endpoints.map(\.json)),
            "metadata": plan.map { plan in
                [
                    "source": .string(plan.source.rawValue), "timestampVersion": .integer(plan.timestampVersion),
                    "verified": .string(plan.verified.time.description),
                ]
            } ?? .null,
            "repository": .optional(box.repository), "store": .optional(halted),
            "sync": problem?.json ?? .null,
        ]
    }
}

extension BoxStatus.Endpoint {
    /// What the update waits for, what metadata says, or how the last try ended; nil while it works.
    package var result: UpdateResult? { standing.result }

    private var standing: EndpointStanding {
        EndpointStanding(state: state, plan: plan, problem: problem, isHalted: isHalted)
    }

    fileprivate var json: JSONValue {
        let progress = state.progress
        return [
            "attempt": progress.attempt.map { attempt in
                [
                    "bundle": .string(attempt.candidate.bundle.hex), "serial": .integer(attempt.candidate.serial),
                    "setbacks": .integer(attempt.setbacks),
                ]
            } ?? .null,
            "current": progress.generations.current.map { named($0) } ?? .null,
            "last": progress.last.map { last in
                [
                    "bundle": .string(last.bundle.hex), "detail": .string(last.ending.detail),
                    "reason": .string(last.ending.reason.rawValue), "result": .string(last.ending.result.code),
                    "serial": .integer(last.serial),
                ]
            } ?? .null,
            "listen": .string(listen), "name": .string(name.text),
            "previous": progress.generations.previous.map { named($0) } ?? .null,
            "result": .optional(result?.code), "runtimes": .array(runtimes.map(\.json)),
            "sentence": .optional(plan?.sentence), "state": .string(progress.state.rawValue),
            "trouble": .optional(state.trouble), "waiting": .optional(progress.waiting?.reason.rawValue),
            "wanted": .optional(standing.wanted?.bundle.hex),
        ]
    }

    private func named(_ installed: InstalledGeneration) -> JSONValue {
        [
            "bundle": .string(installed.bundle.hex), "name": .optional(titles[installed.bundle]?.name.text),
            "serial": .integer(installed.serial), "version": .optional(titles[installed.bundle]?.version.description),
        ]
    }
}

extension BoxStatus.Runtime {
    fileprivate var json: JSONValue {
        [
            "errors": .optional(counters?.errors), "loaded": .string(loaded.hex), "phase": .string(phase),
            "pid": .integer(processID), "requests": .optional(counters?.requests),
        ]
    }
}

extension AgentStore {
    /// What an installed bundle is called; nil where its manifest can't be read.
    func title(of bundle: SHA256Digest) -> BoxStatus.Title? {
        manifest(of: bundle).map { BoxStatus.Title(name: $0.name, version: $0.version) }
    }
}
