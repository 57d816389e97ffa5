package import Diagnostics

/// What is wrong with a YAML document or with the fields that somebody expects in it.
package enum YAMLError: ExplainedError, Equatable {
    case syntax(YAMLPosition, problem: String, hint: String?)
    case limit(YAMLPosition, what: String)
    case duplicateKey(YAMLPosition, key: String, first: YAMLPosition)
    case keyNotScalar(YAMLPosition)
    case unknownAnchor(YAMLPosition, name: String)
    case secondDocument(YAMLPosition)
    /// `mapping` is the place of the mapping that lacks the key; `path` names the key from the top.
    case missingKey(YAMLPosition, path: String)
    case unknownKey(YAMLPosition, path: String, nearest: String?, known: [String])
    case wrongType(YAMLPosition, path: String, expected: String, found: String)
    case invalidValue(YAMLPosition, path: String, reason: String, hint: String?)
    case outOfMemory

    package var exitCode: ExitCode { self == .outOfMemory ? .ioError : .configuration }

    package var message: String {
        switch self {
        case .syntax(let position, let problem, _): "\(position): \(problem)"
        case .limit(let position, let what): "\(position): \(what)"
        case .duplicateKey(let position, let key, let first):
            "\(position): key \"\(key)\" is there twice, first at line \(first.line)"
        case .keyNotScalar(let position): "\(position): a key must be a word, not a list or a mapping"
        case .unknownAnchor(let position, let name): "\(position): alias *\(name) has no finished anchor before it"
        case .secondDocument(let position): "\(position): a second document starts here, only one is read"
        case .missingKey(let position, let path): "\(position): \(path) is missing"
        case .unknownKey(let position, let path, _, _): "\(position): unknown key \"\(path)\""
        case .wrongType(let position, let path, let expected, let found):
            "\(position): \(path.isEmpty ? "" : "\(path): ")expected \(expected), found \(found)"
        case .invalidValue(let position, let path, let reason, _): "\(position): \(path): \(reason)"
        case .outOfMemory: "no memory to read YAML"
        }
    }

    package var hint: String? {
        switch self {
        case .syntax(_, _, let hint), .invalidValue(_, _, _, let hint): return hint
        case .unknownKey(_, _, let nearest, let known):
            let list = known.isEmpty ? nil : "known keys here: \(known.joined(separator: ", "))"
            let lines = [nearest.map { "did you mean \"\($0)\"?" }, list].compactMap { $0 }
            return lines.isEmpty ? "no keys are known here" : lines.joined(separator: "\n")
        default: return nil
        }
    }
}
