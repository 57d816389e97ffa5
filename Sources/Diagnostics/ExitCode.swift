/// Every exit code of our programs: sysexits.h where a number has its meaning there, our own from 10 to 59.
///
/// `docs/exit-codes.md` is the same table for readers; a test compares the two.
package enum ExitCode: Int32, CaseIterable, Sendable {
    /// Done.
    case done = 0
    /// Failed for a reason that has no number of its own.
    case failed = 1
    /// What a check was asked to confirm is not so: samples, a test, a comparison.
    case checkFailed = 10
    /// A signature is missing, wrong or by another key.
    case signatureInvalid = 11
    /// The bundle is not for this machine or needs what it lacks.
    case incompatible = 12
    /// The environment is not locked, or the lock is older than what it locks.
    case unlocked = 13
    /// The model or the script could not be loaded.
    case modelNotLoaded = 14
    /// A device is not heard of: silent, revoked, or it has never reported.
    case deviceNotReachable = 20
    /// A device runs something else than is wanted, and will not come to it by itself.
    case deviceNotConverged = 21
    /// A device does its work badly, or not at all.
    case deviceNotHealthy = 22
    /// A device is on its way to what is wanted, or waits for something, or nothing is known yet.
    case deviceWaiting = 23
    /// Nothing is as what was asked for.
    case nothingFound = 24
    /// Wrong command line (EX_USAGE).
    case usage = 64
    /// Input data is wrong: malformed, over a limit, or not what its digest says (EX_DATAERR).
    case dataError = 65
    /// An input file does not exist or can't be read (EX_NOINPUT).
    case noInput = 66
    /// A program or service that is needed is not there (EX_UNAVAILABLE).
    case unavailable = 69
    /// An error in our own program (EX_SOFTWARE).
    case software = 70
    /// An output file or folder can't be created, or is there already (EX_CANTCREAT).
    case cannotCreate = 73
    /// Reading or writing failed: disk full, I/O error (EX_IOERR).
    case ioError = 74
    /// It may work later: a port is taken, a lock is held (EX_TEMPFAIL).
    case tryAgain = 75
    /// Not permitted (EX_NOPERM).
    case noPermission = 77
    /// A configuration file is wrong (EX_CONFIG).
    case configuration = 78

    /// The line of the table in `docs/exit-codes.md`.
    package var meaning: String {
        switch self {
        case .done: "done"
        case .failed: "failed for a reason that has no number of its own"
        case .checkFailed: "what a check was asked to confirm is not so"
        case .signatureInvalid: "a signature is missing, wrong or by another key"
        case .incompatible: "the bundle is not for this machine or needs what it lacks"
        case .unlocked: "the environment is not locked, or its lock is stale"
        case .modelNotLoaded: "the model or the script could not be loaded"
        case .deviceNotReachable: "a device is not reachable"
        case .deviceNotConverged: "a device runs something else than is wanted, and does not come to it by itself"
        case .deviceNotHealthy: "a device is not healthy"
        case .deviceWaiting: "a device is on its way to what is wanted, or waits, or nothing is known of it yet"
        case .nothingFound: "nothing is as what was asked for"
        case .usage: "wrong command line"
        case .dataError: "input data is malformed, over a limit, or not what its digest says"
        case .noInput: "an input file does not exist or can't be read"
        case .unavailable: "a program or service that is needed is not there"
        case .software: "an error in our own program"
        case .cannotCreate: "an output file or folder can't be created, or is there already"
        case .ioError: "reading or writing failed"
        case .tryAgain: "it may work later"
        case .noPermission: "not permitted"
        case .configuration: "a configuration file is wrong"
        }
    }
}
