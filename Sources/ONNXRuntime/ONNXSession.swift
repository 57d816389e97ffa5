import CONNXRuntime
import Glibc

/// A model loaded into ONNX Runtime. Many threads may run it at once; each run uses its caller's thread.
package final class ONNXSession: Sendable {
    /// How a session is made.
    package struct Options: Sendable {
        /// Keep the memory of intermediate tensors for the next run. Switch it off where shapes vary widely, as the
        /// arena then only grows.
        package var keepsArena = true
        /// ONNX Runtime's own session configuration, for instance `session.disable_prepacking`: `1`.
        package var configuration: [String: String] = [:]

        package init(keepsArena: Bool = true, configuration: [String: String] = [:]) {
            self.keepsArena = keepsArena
            self.configuration = configuration
        }
    }

    package let library: ONNXRuntimeLibrary
    package let modelPath: String
    /// What the model takes, in its own order.
    package let inputs: [ValueDescription]
    /// What the model gives, in its own order.
    package let outputs: [ValueDescription]
    // Runs are thread-safe on one session.
    nonisolated(unsafe) let handle: OpaquePointer
    let inputNames: CStringList
    let outputNames: CStringList
    /// Weights of a model in ORT format stay where they are mapped.
    private let mappedModel: ModelFile?

    /// Loads a model, optimised for this processor, and gives the heap that loading used back to the system.
    ///
    /// Weights in files beside the model are looked for in its folder.
    package init(
        library: ONNXRuntimeLibrary,
        model: ModelFile,
        options: Options = Options()
    ) throws(ONNXRuntimeError) {
        let isORTFormat = model.isORTFormat
        let handle: OpaquePointer
        do throws(Failure) {
            handle = try Self.create(library, model, options: options, inPlace: isORTFormat)
        } catch {
            throw .modelNotLoadable(path: model.path, version: library.version, reason: error.reason)
        }
        do throws(Failure) {
            var count = 0
            try check(onnx_session_input_count(library.handle, handle, &count))
            inputs = try Self.describe(library, handle, count: count, areOutputs: false)
            try check(onnx_session_output_count(library.handle, handle, &count))
            outputs = try Self.describe(library, handle, count: count, areOutputs: true)
        } catch {
            onnx_session_release(library.handle, handle)
            throw .modelNotLoadable(path: model.path, version: library.version, reason: error.reason)
        }
        self.library = library
        self.modelPath = model.path
        self.handle = handle
        self.inputNames = CStringList(inputs.map(\.name))
        self.outputNames = CStringList(outputs.map(\.name))
        self.mappedModel = isORTFormat ? model : nil
        onnx_trim_heap()
    }

    /// Loads the model at `path`.
    package convenience init(
        library: ONNXRuntimeLibrary,
        path: String,
        options: Options = Options()
    ) throws(ONNXRuntimeError) {
        try self.init(library: library, model: ModelFile(path: path), options: options)
    }

    deinit { onnx_session_release(library.handle, handle) }

    private static func create(
        _ library: ONNXRuntimeLibrary,
        _ model: ModelFile,
        options: Options,
        inPlace: Bool
    ) throws(Failure) -> OpaquePointer {
        var configuration = options.configuration
        let folderKey = "session.model_external_initializers_file_folder_path"
        if configuration[folderKey] == nil { configuration[folderKey] = folder(of: model.path) }
        let sorted = configuration.sorted { $0.key < $1.key }
        let keys = CStringList(sorted.map(\.key))
        let values = CStringList(sorted.map(\.value))

        var session: OpaquePointer?
        try model.withBytes { (bytes) throws(Failure) in
            var settings = onnx_session_options(
                arena: options.keepsArena,
                use_model_bytes: inPlace,
                keys: keys.pointers,
                values: values.pointers,
                entry_count: sorted.count
            )
            try check(onnx_session_create(library.handle, bytes.baseAddress, bytes.count, &settings, &session))
        }
        withExtendedLifetime((keys, values)) {}
        guard let session else { throw Failure(reason: "no session was made") }
        return session
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func describe(
        _ library: ONNXRuntimeLibrary,
        _ session: OpaquePointer,
        count: Int,
        areOutputs: Bool
    ) throws(Failure) -> [ValueDescription] {
        var descriptions: [ValueDescription] = []
        for index in 0..<count {
            var description = onnx_description()
            try check(onnx_session_describe(library.handle, session, areOutputs, index, &description))
            descriptions.append(ValueDescription(description))
            onnx_description_clear(&description)
        }
        return descriptions
    }
}

/// What a call into the library failed with; the caller adds what was attempted.
struct Failure: Error {
    let reason: String
}

/// Turns the message that a call may return into an error.
func check(_ message: UnsafeMutablePointer<CChar>?) throws(Failure) {
    guard let message else { return }
    throw Failure(reason: takeMessage(message) ?? "")
}

/// Names as C strings that live as long as this does.
final class CStringList: Sendable {
    nonisolated(unsafe) let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: max(1, strings.count))
        for (index, string) in strings.enumerated() {
            (pointers + index).initialize(to: UnsafePointer(strdup(string)))
        }
    }

    deinit {
        for index in 0..<count { free(UnsafeMutablePointer(mutating: pointers[index])) }
        pointers.deallocate()
    }
}
