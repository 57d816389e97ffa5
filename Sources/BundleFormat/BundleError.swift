package import BundleManifest
package import Diagnostics
package import Digest
package import JSON
package import Zstd

/// Why a file is not a bundle that can be used, or could not be made one.
package enum BundleError: ExplainedError, Equatable {
    /// The file ends before its parts do.
    case truncated(path: String, at: Int)
    /// The bytes at `offset` are not what the format asks for there.
    case malformed(path: String, offset: Int, problem: String)
    /// A digest differs: the file was changed or damaged after it was built.
    case changed(path: String, part: String)
    /// The manifest or a table of contents can't be read.
    case manifest(path: String, ManifestError)
    case table(path: String, JSONError)
    /// Two of its signed parts disagree.
    case contradictory(path: String, problem: String)
    case zstd(path: String, offset: Int, ZstdError)
    /// A piece fetched from `offset` on is not what the signed part of the bundle says of `part`.
    case damagedPiece(path: String, offset: Int, part: String, problem: String)
    /// The source of an archive gave fewer bytes than it was asked for; they would have gone on at `offset`.
    case shortRange(path: String, offset: Int, part: String, missing: Int)
    /// A chunk that the box said it has is not what its digest says: fetch it, then.
    case keptChunkDiffers(path: String, part: String, digest: SHA256Digest)
    /// An extracted tree is not the bundle it says.
    case treeDiffers(path: String, [String])
    /// More would be appended to the file than a reader accepts.
    case tooManyAppended(path: String)
    /// The content is out of all proportion to the archive: what a decompression bomb looks like.
    case tooDense(path: String, content: Int, limit: Int)
    /// There is something already where a tree is to be extracted to.
    case occupied(path: String)

    package var message: String {
        switch self {
        case .truncated(let path, 0): "\(path) is empty"
        case .truncated(let path, let offset): "\(path) is truncated: it ends at byte \(offset), inside the bundle"
        case .malformed(let path, let offset, let problem): "\(path) is not a bundle: byte \(offset): \(problem)"
        case .changed(let path, let part): "\(path) is damaged or was changed: \(part) is not what its digest says"
        case .manifest(let path, let error): "\(path): \(error.message)"
        case .table(let path, let error): "\(path): \(error.message)"
        case .contradictory(let path, let problem): "\(path) contradicts itself: \(problem)"
        case .zstd(let path, let offset, let error): "\(path) is damaged at byte \(offset): \(error.message)"
        case .damagedPiece(let path, let offset, let part, let problem):
            "\(path) is damaged or was changed at byte \(offset), in \(part): \(problem)"
        case .shortRange(let path, let offset, let part, let missing):
            "\(path) broke off at byte \(offset), in \(part): \(missing) bytes are missing"
        case .keptChunkDiffers(let path, let part, let digest):
            "what is kept here of \(part) of \(path) is damaged: chunk \(digest) is not what its digest says"
        case .treeDiffers(let path, let differences):
            "\(path) is not the bundle its manifest names: " + differences.prefix(5).joined(separator: "; ")
                + (differences.count > 5 ? "; and \(differences.count - 5) more" : "")
        case .tooManyAppended(let path):
            "\(path) would carry more than \(AppendedFrame.countLimit) signatures and other frames, or "
                + "\(AppendedFrame.totalLimit) bytes of them"
        case .tooDense(let path, let content, let limit):
            "\(path) would unpack to \(Quantity.readable(bytes: content)), more than the "
                + "\(Quantity.readable(bytes: limit)) that a file of its size may hold"
        case .occupied(let path): "\(path) is there already and is not an empty folder"
        }
    }

    package var hint: String? {
        switch self {
        case .truncated, .changed, .zstd, .damagedPiece: "copy or download it again, or build it anew"
        case .manifest(_, let error): error.hint
        case .shortRange: "try again; what has arrived is not fetched again"
        case .keptChunkDiffers: "forget the chunk and fetch it"
        case .treeDiffers: "extract the bundle again"
        case .occupied: "name a folder that does not exist yet"
        case .malformed, .table, .contradictory, .tooDense: nil
        case .tooManyAppended: "export the signatures that are needed, and sign a file as it was built"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .truncated, .malformed, .changed, .table, .contradictory, .zstd, .treeDiffers, .tooManyAppended, .tooDense,
            .damagedPiece, .keptChunkDiffers:
            .dataError
        case .shortRange: .tryAgain
        case .occupied: .cannotCreate
        case .manifest(_, let error): error.exitCode
        }
    }
}
