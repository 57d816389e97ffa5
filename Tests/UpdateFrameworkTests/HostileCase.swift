import Testing

@testable import UpdateFramework

/// A repository with one defect, and the rule that an update from it must name.
struct HostileCase: CustomTestStringConvertible, Sendable {
    /// What the defect is in, in the order of the workflow: what comes before may be taken over.
    enum Stage: Int, Sendable {
        case root, timestamp, snapshot, targets, delegated, file
    }

    typealias Spoil = @Sendable (inout SampleRepository) -> Void

    let stage: Stage
    let defect: String
    /// What the error says.
    let rule: String
    /// Whether snapshot and timestamp state lengths and digests.
    let listsHashes: Bool
    /// Looked for and downloaded after the update.
    let target: String?
    /// Spoils a repository whose version 2 the client has (version 1 of its root).
    let spoil: Spoil

    var testDescription: String { "\(stage): \(defect)" }

    /// Whether the file may be another one after the refusal.
    func mayReplace(_ file: StoredMetadata) -> Bool {
        let place: Stage =
            switch file {
            case .rootHistory, .role(.root): .root
            case .role(.timestamp): .timestamp
            case .role(.snapshot): .snapshot
            case .role(.targets): .targets
            case .role: .delegated
            }
        return place.rawValue < stage.rawValue
    }

    static func root(_ defect: String, _ rule: String, _ spoil: @escaping Spoil) -> Self {
        Self(stage: .root, defect: defect, rule: rule, listsHashes: false, target: nil, spoil: spoil)
    }

    static func timestamp(_ defect: String, _ rule: String, _ spoil: @escaping Spoil) -> Self {
        Self(stage: .timestamp, defect: defect, rule: rule, listsHashes: false, target: nil, spoil: spoil)
    }

    static func snapshot(
        _ defect: String,
        _ rule: String,
        listsHashes: Bool = false,
        _ spoil: @escaping Spoil
    ) -> Self {
        Self(stage: .snapshot, defect: defect, rule: rule, listsHashes: listsHashes, target: nil, spoil: spoil)
    }

    static func targets(
        _ defect: String,
        _ rule: String,
        listsHashes: Bool = false,
        _ spoil: @escaping Spoil
    ) -> Self {
        Self(stage: .targets, defect: defect, rule: rule, listsHashes: listsHashes, target: nil, spoil: spoil)
    }

    /// Found when `target` is looked for.
    static func delegated(
        _ defect: String,
        _ rule: String,
        target: String = SampleRepository.targetPath,
        _ spoil: @escaping Spoil
    ) -> Self {
        Self(stage: .delegated, defect: defect, rule: rule, listsHashes: false, target: target, spoil: spoil)
    }

    /// Found when a target is looked for or downloaded, though its role is as it should be.
    static func file(
        _ defect: String,
        _ rule: String,
        target: String = SampleRepository.targetPath,
        _ spoil: @escaping Spoil
    ) -> Self {
        Self(stage: .file, defect: defect, rule: rule, listsHashes: false, target: target, spoil: spoil)
    }
}
