package import Diagnostics

/// Why a model file can't be packed.
package enum ModelError: ExplainedError, Equatable {
    /// The bytes at `offset` are not what the file's format asks for.
    case malformed(path: String, format: String, offset: Int, problem: String)
    /// The file is a pointer that Git LFS left in place of the model.
    case pointer(path: String)
    /// A tensor's data lies outside of the model's folder.
    case externalDataOutside(path: String, location: String)
    /// A tensor's data is in a file that is not there.
    case externalDataMissing(path: String, location: String)
    /// A tensor's data goes beyond the end of its file.
    case externalDataShort(path: String, location: String, neededBytes: Int, bytes: Int)

    package var message: String {
        switch self {
        case .malformed(let path, let format, let offset, let problem):
            "\(path) is not a valid \(format) file: \(problem) at byte \(offset)"
        case .pointer(let path): "\(path) is a Git LFS pointer, not the model"
        case .externalDataOutside(let path, let location):
            "\(path) keeps tensor data in \(location.quotedName), which is no plain path inside its folder"
        case .externalDataMissing(let path, let location):
            "\(path) keeps tensor data in \(location.quotedName), which is not there"
        case .externalDataShort(let path, let location, let neededBytes, let bytes):
            "\(path) needs \(neededBytes) bytes of tensor data in \(location.quotedName), which has \(bytes)"
        }
    }

    package var hint: String? {
        switch self {
        case .malformed: "check that the export finished and the file was copied whole"
        case .pointer: "git lfs pull fetches the file itself"
        case .externalDataOutside:
            "save the model again with its data beside it: onnx.save(…, location=\"weights.bin\")"
        case .externalDataMissing, .externalDataShort: "copy the data file together with the model"
        }
    }

    package var exitCode: ExitCode { .dataError }
}
