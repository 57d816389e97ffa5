package import Diagnostics
package import Digest

/// Why contents could not be fetched or admitted, beside what archives, files and the network have errors of their own
/// for.
package enum ContentError: ExplainedError, Equatable {
    /// No admitted metadata names the bundle.
    case notAdmitted(bundle: SHA256Digest)
    /// A file of the store is not what it should be.
    case damagedStore(file: String, problem: String)
    /// The box's configuration names no repository, and nothing else was given.
    case noRepository
    /// The server answered something else than the file or a range of it.
    case noAnswer(url: String, problem: String)
    /// The server has another file there than the one that was signed.
    case otherFile(url: String, problem: String)
    /// The source has no such file.
    case notThere(path: String)
    /// Bytes that have to be fetched first.
    case notFetched(name: String, offset: Int)
    /// What was fetched has another digest than what was signed.
    case changed(name: String)
    /// The archive is byte for byte what was signed, and is no bundle.
    case signedSo(name: String, problem: String)
    /// A content of the store has rotted; it was taken away.
    case rotten(file: String)
    /// The disk must keep `reserve` bytes free.
    case noRoom(needed: Int, free: Int, reserve: Int)

    package var message: String {
        switch self {
        case .notAdmitted(let bundle): "no admitted metadata names the bundle \(bundle.hex.prefix(16))…"
        case .damagedStore(let file, let problem): "\(file) is damaged: \(problem)"
        case .noRepository: "this box has no repository"
        case .noAnswer(let url, let problem): "can't fetch \(url): \(problem)"
        case .otherFile(let url, let problem): "\(url) is not the file that was signed: \(problem)"
        case .notThere(let path): "there is no \(path)"
        case .notFetched(let name, let offset): "\(name) was not fetched whole: byte \(offset) is missing"
        case .changed(let name): "\(name) is not what was signed: its digest is another"
        case .signedSo(let name, let problem): "\(name) is what was signed, and no bundle that can be used: \(problem)"
        case .rotten(let file): "\(file) was damaged on this box's disk, and was taken away"
        case .noRoom(let needed, let free, let reserve):
            "the disk has \(Quantity.readable(bytes: free)) free; the bundle needs \(Quantity.readable(bytes: needed)), "
                + "and \(Quantity.readable(bytes: reserve)) are to stay free"
        }
    }

    package var hint: String? {
        switch self {
        case .notAdmitted: "edgeagent-sync fetch and admit without --bundle bring the metadata"
        case .damagedStore: "move the file away: it is made anew with the next metadata that is admitted"
        case .noRepository: "edgeagent-sync configure --from URL names one"
        case .notFetched: "edgeagent-sync fetch --bundle fetches what is missing"
        case .changed, .rotten: "fetch it again"
        case .noRoom: "free some space"
        case .noAnswer, .otherFile, .notThere, .signedSo: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notAdmitted: .noInput
        case .damagedStore, .otherFile, .changed, .rotten, .signedSo: .dataError
        case .noRepository: .configuration
        case .noAnswer, .notFetched, .noRoom: .tryAgain
        case .notThere: .noInput
        }
    }
}
