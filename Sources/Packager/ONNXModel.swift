internal import BundleManifest
internal import FileSystem

/// What the packager needs to know of an ONNX file, read without its weights (onnx/onnx.proto3 of ONNX 1.23).
package struct ONNXModel: Equatable, Sendable {
    /// A set of operators that the model is written in.
    package struct OperatorSet: Equatable, Sendable {
        /// Empty for ONNX's own operators.
        package let domain: String
        package let version: Int64
    }

    /// A file beside the model that holds data of its tensors.
    package struct ExternalData: Equatable, Sendable {
        /// Relative to the model's folder, checked to stay inside.
        package let location: String
        /// How many bytes the model reads of it, at least.
        package var neededBytes: Int
        /// Where large tensors begin in it, rising.
        package var tensorStarts: [Int]
    }

    /// A tensor of fewer bytes is not worth a piece of the archive of its own: 256 KiB.
    package static let largeTensorBytes = 256 << 10

    /// The version of the file format.
    package let irVersion: Int64
    package let operatorSets: [OperatorSet]
    package let interface: ModelInterface
    /// Files with tensor data, sorted by location.
    package let externalData: [ExternalData]
    /// Where the data of large tensors begins in the file itself, rising: good places to cut an archive, since retraining
    /// one layer then changes whole pieces.
    package let tensorStarts: [Int]

    /// Reads the model at `path` and checks that its external data is there.
    ///
    /// The file is mapped, and only what describes tensors is touched, so the size of the weights does not matter.
    package static func read(_ path: String) throws -> ONNXModel {
        let model = try MappedFile(path).withBytes { bytes in try ONNXModel(bytes, path: path) }
        for data in model.externalData {
            let dataPath = FileSystem.join(FileSystem.parent(of: path), data.location)
            guard let status = try FileSystem.status(of: dataPath), status.kind == .regular else {
                throw ModelError.externalDataMissing(path: path, location: data.location)
            }
            guard status.size >= data.neededBytes else {
                throw ModelError.externalDataShort(
                    path: path,
                    location: data.location,
                    neededBytes: data.neededBytes,
                    bytes: status.size
                )
            }
        }
        return model
    }

    /// Reads a model's bytes; `path` is for messages.
    init(_ bytes: UnsafeRawBufferPointer, path: String) throws(ModelError) {
        if bytes.starts(with: "version https://git-lfs".utf8) { throw .pointer(path: path) }
        var walker = ONNXWalker(bytes, path: path)
        try walker.walkModel()
        irVersion = walker.irVersion
        operatorSets = walker.operatorSets
        let initializers = walker.initializerNames
        // Up to IR version 3 initializers are listed as inputs, too; callers don't give them.
        interface = ModelInterface(
            inputs: walker.inputs.filter { !initializers.contains(Array($0.name.utf8)) },
            outputs: walker.outputs
        )
        tensorStarts = walker.tensorStarts.sorted()
        externalData = try ONNXModel.merge(walker.externalTensors, path: path)
    }

    /// Collects what tensors take from each file.
    private static func merge(
        _ tensors: [ONNXWalker.ExternalTensor],
        path: String
    ) throws(ModelError) -> [ExternalData] {
        var files: [BundlePath: ExternalData] = [:]
        for tensor in tensors {
            let plain = tensor.location.hasPrefix("./") ? String(tensor.location.dropFirst(2)) : tensor.location
            guard let location = BundlePath(plain) else {
                throw .externalDataOutside(path: path, location: tensor.location)
            }
            var file = files[location] ?? ExternalData(location: plain, neededBytes: 0, tensorStarts: [])
            let length = tensor.length ?? 0
            file.neededBytes = max(file.neededBytes, tensor.offset + length)
            if tensor.length == nil || length >= largeTensorBytes { file.tensorStarts.append(tensor.offset) }
            files[location] = file
        }
        return files.sorted { $0.key < $1.key }.map { _, file in
            var file = file
            file.tensorStarts = Set(file.tensorStarts).sorted()
            return file
        }
    }
}
