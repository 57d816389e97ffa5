internal import FileSystem

/// Where the archive cuts a model's files, beside the regular cut at each MiB: where large tensors begin.
package enum ModelCutPoints {
    /// Looks into the ONNX and safetensors files of a model's folder.
    ///
    /// - Parameters:
    ///   - root: the folder.
    ///   - files: paths of all regular files in it, relative to it.
    /// - Returns: for each file that has any, the offsets, rising, none beyond its end.
    package static func find(in root: String, files: [String]) throws -> [String: [Int]] {
        var points: [String: Set<Int>] = [:]
        for file in files {
            let path = FileSystem.join(root, file)
            if file.hasSuffix(".onnx") {
                let model = try ONNXModel.read(path)
                points[file, default: []].formUnion(model.tensorStarts)
                let folder = FileSystem.parent(of: file)
                for data in model.externalData {
                    points[FileSystem.join(folder, data.location), default: []].formUnion(data.tensorStarts)
                }
            } else if file.hasSuffix(".safetensors") {
                points[file, default: []].formUnion(try SafetensorsFile.read(path).tensorStarts)
            }
        }
        return points.mapValues { $0.sorted() }.filter { !$0.value.isEmpty }
    }
}
