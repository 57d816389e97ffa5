import Glibc
import ONNXRuntime
import Testing

/// The models in `Fixtures/models` and the library to run them with.
enum ONNXFixture {
    /// The library that the tests of ONNX Runtime use, from the environment; without it they are skipped.
    static let libraryPath = getenv("EDGE_ONNXRUNTIME").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }

    static var isAvailable: Bool { libraryPath != nil }
    static let reason: Comment = "EDGE_ONNXRUNTIME does not name a libonnxruntime.so to test with"

    static func library() throws -> ONNXRuntimeLibrary {
        try ONNXRuntimeLibrary(path: #require(libraryPath))
    }

    /// The path of a model, for instance `mlp.onnx`.
    static func model(_ name: String) -> String {
        let tests = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        return "/\(tests)/Fixtures/models/\(name)"
    }

    static func session(_ name: String) throws -> ONNXSession {
        try ONNXSession(library: library(), path: model(name))
    }
}

/// A folder that is removed with the last reference.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/edge-test-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
        let path = "\(self.path)/\(name)"
        let file = try #require(fopen(path, "w"))
        let array = Array(bytes)
        #expect(fwrite(array, 1, array.count, file) == array.count)
        fclose(file)
        return path
    }

    var entries: [String] { directoryEntries(path) }

    deinit {
        for entry in entries { unlink("\(path)/\(entry)") }
        rmdir(path)
    }
}

/// Names in a directory, without `.` and `..`.
func directoryEntries(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}
