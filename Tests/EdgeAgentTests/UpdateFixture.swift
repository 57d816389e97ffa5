import Deployment
import Digest
import WallClock

@testable import EdgeAgent

/// The words that tests of updates speak in: an old bundle that runs, a new one that is deployed, and a host.
enum Sample {
    static let old = SHA256.digest(Array("old".utf8))
    static let older = SHA256.digest(Array("older".utf8))
    static let new = SHA256.digest(Array("new".utf8))
    static let fallback = SHA256.digest(Array("fallback".utf8))
    static let host = SHA256.digest(Array("host".utf8))
    static let otherHost = SHA256.digest(Array("other host".utf8))

    static let candidate = UpdateCandidate(serial: 7, bundle: new, fallbacks: [fallback])
    static let running = InstalledGeneration(bundle: old, serial: 6, probedOn: host)
    static let before = InstalledGeneration(bundle: older, serial: 5, probedOn: host)
    static let generations = EndpointGenerations(current: running, previous: before)

    static let noon = ClockReading.trusted(UTCTime(seconds: 1_800_000_000))
    static let endpoint = EndpointName("digits")

    /// The events of an update that goes well, each taken in the state before.
    static let happyPath: [UpdateEvent] = [
        .poll, .synced(.candidate(candidate)), .preflighted(.passed), .downloaded(.complete), .verified(.verified),
        .staged(.done), .probed(.passed), .permitted(.granted), .activated(.done(took: .seconds(2))),
        .observed(.passed), .committed(.done), .cleanedUp(.done),
    ]

    static func boot(_ number: Int) -> BootID? { BootID("b007-\(number)") }
}

extension UpdateMachine {
    /// A box on which the old bundle runs.
    static func atRest(_ generations: EndpointGenerations = Sample.generations) -> UpdateMachine {
        UpdateMachine(UpdateProgress(generations: generations), on: Sample.host)
    }

    /// The machine after these events, all of which must be allowed.
    func after(_ events: [UpdateEvent]) throws -> UpdateMachine {
        var machine = self
        for event in events { _ = try machine.handle(event) }
        return machine
    }

    /// A machine that came to `state` on the shortest way.
    static func reached(_ state: UpdateState, candidate: UpdateCandidate = Sample.candidate) throws -> UpdateMachine {
        var machine = atRest()
        let way: [UpdateEvent]
        switch state {
        case .rollback: way = happyPath(to: .observe, candidate) + [.observed(.refused("worse"))]
        case .failure: way = happyPath(to: .probe, candidate) + [.probed(.refused("wrong"))]
        default: way = happyPath(to: state, candidate)
        }
        for event in way { _ = try machine.handle(event) }
        return machine
    }

    private static func happyPath(to state: UpdateState, _ candidate: UpdateCandidate) -> [UpdateEvent] {
        var machine = atRest()
        var way: [UpdateEvent] = []
        for event in Sample.happyPath where machine.state != state {
            let event = event == .synced(.candidate(Sample.candidate)) ? .synced(.candidate(candidate)) : event
            guard (try? machine.handle(event)) != nil else { break }
            way.append(event)
        }
        return way
    }
}

extension UpdateEvent {
    /// Each kind of event with each kind of what it may carry.
    static let samples: [(label: String, event: UpdateEvent)] = [
        ("poll", .poll), ("retry", .retry), ("rollBackRequested", .rollBackRequested(by: "ann")),
        ("synced(candidate)", .synced(.candidate(Sample.candidate))),
        ("synced(alreadyInstalled)", .synced(.alreadyInstalled(Sample.candidate))),
        ("synced(nothing)", .synced(.nothing(.noDeployment))),
        ("synced(failed)", .synced(.failed(.network))),
        ("preflighted(passed)", .preflighted(.passed)),
        ("preflighted(incompatible)", .preflighted(.incompatible(subject: "bundle", feature: "cp313"))),
        ("preflighted(waiting)", .preflighted(.waiting(.disk))),
        ("preflighted(failed)", .preflighted(.failed(.helperKilled))),
        ("downloaded(complete)", .downloaded(.complete)),
        ("downloaded(waiting)", .downloaded(.waiting(.data))),
        ("downloaded(failed)", .downloaded(.failed(.network))),
        ("verified(verified)", .verified(.verified)),
        ("verified(refused)", .verified(.refused("its table is malformed"))),
        ("verified(damaged)", .verified(.damaged("a frame"))),
        ("verified(failed)", .verified(.failed(.helperKilled))),
        ("staged(done)", .staged(.done)), ("staged(failed)", .staged(.failed(.disk))),
        ("probed(passed)", .probed(.passed)), ("probed(refused)", .probed(.refused("3 of 20 answers are wrong"))),
        ("probed(waiting)", .probed(.waiting(.memory))), ("probed(failed)", .probed(.failed(.memoryPressure))),
        ("permitted(granted)", .permitted(.granted)), ("permitted(waiting)", .permitted(.waiting(.window))),
        ("activated(done)", .activated(.done(took: .seconds(2)))),
        ("activated(failed)", .activated(.failed(.helperKilled))),
        ("observed(passed)", .observed(.passed)), ("observed(refused)", .observed(.refused("crashes"))),
        ("observed(waiting)", .observed(.waiting(.samples))), ("observed(failed)", .observed(.failed(.memoryPressure))),
        ("committed(done)", .committed(.done)), ("committed(failed)", .committed(.failed(.disk))),
        ("rolledBack(complete)", .rolledBack(.complete)),
        ("rolledBack(impossible)", .rolledBack(.impossible("it is damaged"))),
        ("rolledBack(failed)", .rolledBack(.failed(.memoryPressure))),
        ("failureKept(done)", .failureKept(.done)), ("failureKept(failed)", .failureKept(.failed(.disk))),
        ("cleanedUp(done)", .cleanedUp(.done)), ("cleanedUp(failed)", .cleanedUp(.failed(.disk))),
        ("superseded", .superseded(bySerial: 8)), ("withdrawn", .withdrawn(.aborted)),
        ("waitEnded", .waitEnded), ("stalled", .stalled), ("deadlinePassed", .deadlinePassed),
    ]
}
