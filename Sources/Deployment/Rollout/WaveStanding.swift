package import WallClock

/// Whether it is a box's turn.
package enum WaveStanding: Hashable, Sendable {
    /// It is in the open wave or an earlier one.
    case inOpenWave(name: String)
    /// Its first wave is not open yet.
    case notYet(wave: String)
    /// Its wave is open, but the plan says not before this.
    case tooEarly(wave: String, notBefore: UTCTime)
    /// The same, and the clock can't tell.
    case needsClock(wave: String, notBefore: UTCTime)
    /// No wave of the plan holds it.
    case inNoWave

    package var sentence: String {
        switch self {
        case .inOpenWave(let name): "this box is in wave \(name), which is open"
        case .notYet(let wave): "this box is in wave \(wave), which is not open yet"
        case .tooEarly(let wave, let time): "wave \(wave) starts at \(time)"
        case .needsClock(let wave, let time): "wave \(wave) starts at \(time), and the clock is not set"
        case .inNoWave: "no wave of the plan holds this box"
        }
    }
}

extension WaveAssignment {
    /// Design section 6: "the whole wave plan (each with earliest start, …)". A wave counts once the server has opened
    /// it or a later one and its signed earliest start has come; a box in several waves goes with the first that does.
    ///
    /// - Parameter openWave: the last open wave, an index into `effectiveWaves`; nil where none is.
    package func standing(in deployment: Deployment, openWave: Int?, clock: ClockReading) -> WaveStanding {
        let plan = deployment.effectiveWaves
        let mine = waves.filter(plan.indices.contains)
        guard let first = mine.first else { return .inNoWave }
        var best: WaveStanding?
        for index in mine where index <= openWave ?? -1 {
            let wave = plan[index]
            guard let notBefore = wave.notBefore else { return .inOpenWave(name: wave.name) }
            switch clock.hasReached(notBefore) {
            case true: return .inOpenWave(name: wave.name)
            case false: best = best ?? .tooEarly(wave: wave.name, notBefore: notBefore)
            case nil: best = best ?? .needsClock(wave: wave.name, notBefore: notBefore)
            }
        }
        return best ?? .notYet(wave: plan[first].name)
    }
}
