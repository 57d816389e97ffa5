package import Digest

/// A box's own place in the waves of one deployment: drawn once, then kept with its state.
///
/// Design section 6: "A box decides for itself: first 8 bytes (big endian) of SHA-256(device id, 0x00, salt) / 2^64
/// < percent / 100, evaluated once per serial and kept."
package struct WaveAssignment: Hashable, Sendable {
    /// SHA-256 of the deployment's document.
    package let deployment: SHA256Digest
    package let serial: Int
    /// Indices into `effectiveWaves` of the waves that the box is in, ascending.
    package let waves: [Int]

    /// As it was kept.
    package init(deployment: SHA256Digest, serial: Int, waves: [Int]) {
        self.deployment = deployment
        self.serial = serial
        self.waves = waves.sorted()
    }

    /// The kept place where there is one for this deployment, else a new draw, which the caller keeps.
    ///
    /// - Parameter joinsOpenWave: the wave open now, for a box enrolled after the rollout began: "late joiners enter
    ///   the open wave". Nil for every other box.
    package static func decide(
        _ deployment: Deployment,
        digest: SHA256Digest,
        device: DeviceID,
        labels: Labels,
        kept: WaveAssignment?,
        joinsOpenWave: Int? = nil
    ) -> WaveAssignment {
        if let kept, kept.deployment == digest { return kept }
        let draw = draw(device, salt: deployment.effectiveSalt)
        var waves: [Int] = []
        for (index, wave) in deployment.effectiveWaves.enumerated() {
            let isMember =
                switch wave.members {
                case .percent(let percent): isBelow(draw, percent)
                case .devices(let devices): devices.contains(device)
                case .labels(let selector): selector.mismatches(labels, in: deployment.location.channel).isEmpty
                }
            if isMember || index == joinsOpenWave { waves.append(index) }
        }
        return WaveAssignment(deployment: digest, serial: deployment.location.serial, waves: waves)
    }

    /// First 8 bytes, big endian, of SHA-256(device id, 0x00, salt).
    static func draw(_ device: DeviceID, salt: String) -> UInt64 {
        let digest = SHA256.digest(Array(device.text.utf8) + [0] + Array(salt.utf8))
        return digest.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// draw / 2^64 < percent / 100, in whole numbers: no share is rounded, and 100 percent is every box.
    static func isBelow(_ draw: UInt64, _ percent: Percent) -> Bool {
        draw.multipliedFullWidth(by: 100_000).high < UInt64(percent.thousandths)
    }
}
