/// One of the walls around a runtime. What each is stands in `docs/containment.md`.
package enum ContainmentLayer: String, CaseIterable, Sendable {
    case user, mount, pid, net, cgroup, devices, landlock, seccomp
    case noNewPrivileges = "no-new-privs"
    case limits
}

/// How a process is contained: what was read back from it while it ran, not what was intended.
package struct ContainmentReport: Hashable, Sendable {
    package enum State: String, Sendable {
        case applied, partial, absent
    }

    package enum Summary: String, Sendable {
        /// Every layer is applied.
        case full
        /// Some layers hold, at least one of those that keep the process from the rest of the box.
        case reduced
        /// Nothing keeps the process from what its user may do; limits and the loss of new privileges do not count.
        case none
    }

    package struct Layer: Hashable, Sendable {
        package let layer: ContainmentLayer
        package let state: State
        /// Why it is not applied, or what there is to know of it; one line, may be empty.
        package let reason: String

        package init(_ layer: ContainmentLayer, _ state: State, _ reason: String = "") {
            self.layer = layer
            self.state = state
            self.reason = reason
        }
    }

    /// All ten, in the order of ``ContainmentLayer``.
    package let layers: [Layer]

    /// From any layers; those that are not named are absent.
    package init(_ layers: [Layer]) {
        self.layers = ContainmentLayer.allCases.map { layer in
            layers.last { $0.layer == layer } ?? Layer(layer, .absent, "not reported")
        }
    }

    package subscript(_ layer: ContainmentLayer) -> Layer {
        layers.first { $0.layer == layer } ?? Layer(layer, .absent, "not reported")
    }

    /// Layers that stand between the process and the box.
    private static let walls: Set<ContainmentLayer> = [.user, .mount, .pid, .net, .landlock, .seccomp]

    package var summary: Summary {
        if layers.allSatisfy({ $0.state == .applied }) { return .full }
        return layers.contains { Self.walls.contains($0.layer) && $0.state != .absent } ? .reduced : .none
    }
}
