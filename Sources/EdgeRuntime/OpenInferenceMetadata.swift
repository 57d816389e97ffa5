import JSON
package import ONNXRuntime

/// The protocol's bodies that carry no tensors: health, metadata, errors.
///
/// Health answers have bodies, as some clients read them; the status says the same: 200, or 400 where not live or ready.
package enum OpenInference {
    /// What is done of the protocol's extensions.
    package static let extensions = ["binary_tensor_data", "classification"]

    /// The platform of a model that runs natively.
    package static let onnxPlatform = "onnx_onnxv1"

    /// `GET /v2/health/live`.
    package static func live(_ isLive: Bool) -> [UInt8] { bytes(["live": .boolean(isLive)]) }

    /// `GET /v2/health/ready`.
    package static func ready(_ isReady: Bool) -> [UInt8] { bytes(["ready": .boolean(isReady)]) }

    /// `GET /v2/models/NAME[/versions/VERSION]/ready`.
    package static func modelReady(name: String, isReady: Bool) -> [UInt8] {
        bytes(["name": .string(name), "ready": .boolean(isReady)])
    }

    /// `GET /v2`.
    package static func serverMetadata(name: String, version: String) -> [UInt8] {
        bytes([
            "name": .string(name), "version": .string(version), "extensions": .array(extensions.map { .string($0) }),
        ])
    }

    /// `GET /v2/models/NAME[/versions/VERSION]`. A shape holds -1 where any size is accepted.
    package static func modelMetadata(
        name: String,
        versions: [String],
        platform: String,
        inputs: [TensorMetadata],
        outputs: [TensorMetadata]
    ) -> [UInt8] {
        bytes([
            "name": .string(name), "versions": .array(versions.map { .string($0) }), "platform": .string(platform),
            "inputs": .array(inputs.map(\.json)), "outputs": .array(outputs.map(\.json)),
        ])
    }

    /// The body of every refusal.
    package static func error(_ message: String) -> [UInt8] { bytes(["error": .string(message)]) }

    private static func bytes(_ value: JSONValue) -> [UInt8] { value.compactBytes() }
}

/// What metadata says of an input or output.
package struct TensorMetadata: Equatable, Sendable {
    package let name: String
    package let elementType: ElementType
    package let shape: [Int]

    package init(name: String, elementType: ElementType, shape: [Int]) {
        self.name = name
        self.elementType = elementType
        self.shape = shape
    }

    fileprivate var json: JSONValue {
        [
            "name": .string(name), "datatype": .string(elementType.name),
            "shape": .array(shape.map { .integer($0) }),
        ]
    }
}
