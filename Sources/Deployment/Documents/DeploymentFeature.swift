internal import JSON

/// What a deployment may ask of the program that reads it.
///
/// Design section 5: "the tools put every key that narrows what may happen (selector, gate, window, floor, containment,
/// set) there by themselves". A reader that knows a feature but can't do it yet leaves it out of what it supports and
/// so says `incompatible(deployment: FEATURE)`, never half of what was signed.
package enum DeploymentFeature: String, CaseIterable, Sendable {
    case absent
    case containment
    case floor
    case freshness
    case acceptanceGate = "gate.acceptance"
    case backtestGate = "gate.backtest"
    case soakGate = "gate.soak"
    case thresholdGate = "gate.thresholds"
    case parameters
    case selector
    case set
    case canary = "strategy.canary"
    case shadow = "strategy.shadowThenSwitch"
    case stopSwap = "strategy.stopSwap"
    /// More than one bundle, of which a box takes the first that fits.
    case variants
    case waves
    case window
}

extension Deployment {
    /// What a reader must know to carry this deployment out as meant.
    package var features: Set<DeploymentFeature> {
        var features: Set<DeploymentFeature> = []
        func note(_ feature: DeploymentFeature, where isUsed: Bool) { if isUsed { features.insert(feature) } }
        note(.absent, where: state == .absent)
        note(.containment, where: !containment.isEmpty)
        note(.floor, where: minimumVersion != nil)
        note(.freshness, where: freshnessSeconds != nil)
        note(.acceptanceGate, where: gates.acceptance != nil)
        note(.backtestGate, where: gates.backtest != nil)
        note(.soakGate, where: gates.soak != nil)
        note(.thresholdGate, where: !gates.thresholds.isEmpty)
        note(.parameters, where: !parameters.isEmpty)
        note(.selector, where: selector != nil)
        note(.set, where: set != nil)
        note(.variants, where: state.bundles.count > 1)
        note(.waves, where: !waves.isEmpty)
        note(.window, where: !windows.isEmpty)
        switch strategy {
        case .switchOver: break
        case .shadowThenSwitch: features.insert(.shadow)
        case .canary: features.insert(.canary)
        case .stopSwap: features.insert(.stopSwap)
        }
        return features
    }
}
