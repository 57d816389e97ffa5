import FileSystem

/// The kept inputs: a folder for each harness, a file for each input.
enum Corpus {
    private static let folder = FileSystem.join(FileSystem.parent(of: FileSystem.parent(of: #filePath)), "corpus")

    /// Of the harnesses that inputs are kept for.
    static func names() throws -> [String] { try FileSystem.names(in: folder).sorted() }

    /// All inputs of a harness, by name.
    static func inputs(of name: String) throws -> [(path: String, bytes: [UInt8])] {
        let folder = FileSystem.join(folder, name)
        return try FileSystem.names(in: folder).sorted().map { file in
            ("\(name)/\(file)", try FileSystem.read(FileSystem.join(folder, file), limit: 1 << 20))
        }
    }
}
