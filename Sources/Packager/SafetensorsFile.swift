internal import FileSystem
internal import JSON

/// The layout of a safetensors file: a header length (u64, little endian), a JSON header, then the data of all tensors
/// (github.com/huggingface/safetensors, README, "Format").
package struct SafetensorsFile: Equatable, Sendable {
    /// Where the data of large tensors begins in the file, rising.
    package let tensorStarts: [Int]

    /// The format's own limit of its header.
    private static let headerLimitBytes = 100_000_000

    /// Reads the header of the file at `path`; the data is mapped, not read.
    package static func read(_ path: String) throws -> SafetensorsFile {
        try MappedFile(path).withBytes { bytes in try SafetensorsFile(bytes, path: path) }
    }

    /// Reads a file's bytes; `path` is for messages.
    init(_ bytes: UnsafeRawBufferPointer, path: String) throws(ModelError) {
        func malformed(_ problem: String, at offset: Int) -> ModelError {
            .malformed(path: path, format: "safetensors", offset: offset, problem: problem)
        }
        if bytes.starts(with: "version https://git-lfs".utf8) { throw .pointer(path: path) }
        guard bytes.count >= 8 else { throw malformed("the data ends inside the header length", at: 0) }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(min(bytes.count - 8, Self.headerLimitBytes)) else {
            throw malformed("the header is longer than the file, or than 100 MB", at: 0)
        }
        let dataStart = 8 + Int(length)
        let header: JSONObject
        do throws(JSONError) {
            let limits = JSONLimits(bytes: Self.headerLimitBytes, depth: 8, values: 4_000_000)
            let value = try JSONValue.parse(
                buffer: UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]),
                limits: limits
            )
            header = try JSONFields(value, path: "header").object
        } catch {
            throw malformed(error.message, at: 8)
        }
        var starts: Set<Int> = []
        for (name, value) in header.members where name != "__metadata__" {
            guard let offsets = value["data_offsets"], let begin = offsets[0]?.integerValue,
                let end = offsets[1]?.integerValue, offsets[2] == nil,
                begin >= 0, begin <= end, end <= Int64(bytes.count - dataStart)
            else { throw malformed("a tensor's data_offsets are not a range within the data", at: 8) }
            if end - begin >= Int64(ONNXModel.largeTensorBytes) { starts.insert(dataStart + Int(begin)) }
        }
        tensorStarts = starts.sorted()
    }
}
