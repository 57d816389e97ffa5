package import BundleManifest

/// What a box has that bundles may need.
package struct BoxCapabilities: Hashable, Sendable {
    package var architecture: Platform.Architecture
    package var glibc: GlibcVersion
    /// ABIs of the Pythons on the box, such as `cp311`.
    package var pythons: Set<String>
    /// Accelerator classes that work here, such as `cuda12`.
    package var accelerators: Set<String>
    /// Device classes granted by the box's own configuration.
    package var grantedDevices: Set<String>
    /// What a bundle may use in all; nil where nobody set a budget.
    package var memoryBytes: Int?
    /// Layers that can be applied whole.
    package var containment: Set<ContainmentLayer>

    package init(
        architecture: Platform.Architecture,
        glibc: GlibcVersion,
        pythons: Set<String> = [],
        accelerators: Set<String> = [],
        grantedDevices: Set<String> = [],
        memoryBytes: Int? = nil,
        containment: Set<ContainmentLayer> = []
    ) {
        self.architecture = architecture
        self.glibc = glibc
        self.pythons = pythons
        self.accelerators = accelerators
        self.grantedDevices = grantedDevices
        self.memoryBytes = memoryBytes
        self.containment = containment
    }
}

/// A need of a bundle that a box does not meet.
package enum UnmetNeed: Hashable, Sendable {
    case architecture(needs: Platform.Architecture, has: Platform.Architecture)
    case glibc(needs: GlibcVersion, has: GlibcVersion)
    case python(needs: String)
    case accelerator(needs: String)
    case devices(notGranted: [String])
    case memory(needs: Int, has: Int)

    /// For codes: the word after `incompatible(bundle: …`.
    package var feature: String {
        switch self {
        case .architecture(let needs, _): needs.rawValue
        case .glibc(let needs, _): "glibc\(needs)"
        case .python(let needs): needs
        case .accelerator(let needs): needs
        case .devices(let devices): devices.joined(separator: " ")
        case .memory: "memory"
        }
    }

    package var sentence: String {
        switch self {
        case .architecture(let needs, let has): "it is for \(needs.rawValue), this box is \(has.rawValue)"
        case .glibc(let needs, let has): "it needs glibc \(needs), this box has \(has)"
        case .python(let needs): "it needs Python \(needs), which this box lacks"
        case .accelerator(let needs): "it needs \(needs), which this box lacks"
        case .devices(let devices): "it needs \(devices.joined(separator: ", ")), not granted on this box"
        case .memory(let needs, let has): "it needs \(needs) bytes of memory, this box allows \(has)"
        }
    }
}

extension BoxCapabilities {
    /// The first need that is not met, or nil: "the first whose platform, needs and grants it meets" (design section
    /// 6), "device classes from a closed list, granted only by the box's own config" (section 7).
    package func unmetNeed(of manifest: Manifest) -> UnmetNeed? {
        let platform = manifest.platform
        if platform.architecture != architecture {
            return .architecture(needs: platform.architecture, has: architecture)
        }
        if platform.glibc > glibc { return .glibc(needs: platform.glibc, has: glibc) }
        // A bundled interpreter is the bundle's own.
        if let python = platform.python, manifest.interpreter?.source != .bundled, !pythons.contains(python) {
            return .python(needs: python)
        }
        if let accelerator = platform.accelerator, !accelerators.contains(accelerator) {
            return .accelerator(needs: accelerator)
        }
        let notGranted = manifest.neededDevices.filter { !grantedDevices.contains($0) }
        if !notGranted.isEmpty { return .devices(notGranted: notGranted) }
        if let needs = manifest.endpoint.memoryBytes, let memoryBytes, needs > memoryBytes {
            return .memory(needs: needs, has: memoryBytes)
        }
        return nil
    }
}
