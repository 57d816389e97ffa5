package import Diagnostics

/// Why the fleet's database can't do what an operator asked.
package enum FleetStoreError: ExplainedError, Equatable {
    /// It was written by a newer edgefleet.
    case newerSchema(path: String, found: Int, known: Int)
    /// What stands in it can't have been written by us.
    case damaged(String)
    case unknownDevice(String)
    case unknownToken(Int64)
    /// A device or token that is in another state than the command is for.
    case wrongState(String)
    /// A reason, name or label that is not taken.
    case invalid(String)

    package var message: String {
        switch self {
        case .newerSchema(let path, let found, let known):
            "\(path) has version \(found), and this edgefleet knows versions up to \(known)"
        case .damaged(let what): "the fleet's database is damaged: \(what)"
        case .unknownDevice(let device): "no device \(device.quotedName) has ever enrolled"
        case .unknownToken(let token): "there is no token \(token)"
        case .wrongState(let why), .invalid(let why): why
        }
    }

    package var hint: String? {
        switch self {
        case .newerSchema: "use the newer edgefleet; going back needs a backup of the folder from before"
        case .damaged: "restore a backup of the folder"
        case .unknownDevice: "`edgefleet devices` lists those that have"
        case .unknownToken: "`edgefleet token list` lists them"
        case .wrongState, .invalid: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .newerSchema, .damaged, .invalid: .dataError
        case .unknownDevice, .unknownToken: .noInput
        case .wrongState: .failed
        }
    }
}
