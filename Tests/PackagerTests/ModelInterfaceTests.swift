import Digest
import JSON
import Testing

@testable import Packager

@Suite("ModelInterface")
struct ModelInterfaceTests {
    static let linear = ModelInterface(
        inputs: [ModelValue(name: "x", datatype: "FP32", shape: [.dynamic(symbol: "batch"), .fixed(4)])],
        outputs: [ModelValue(name: "y", datatype: "FP32", shape: [.dynamic(symbol: "batch"), .fixed(3)])]
    )

    @Test(arguments: ["linear.onnx", "ir3-initializers-as-inputs.onnx", "sparse-initializer.onnx", "external.onnx"])
    func holdsWhatCallersGiveAndGet(name: String) throws {
        #expect(try ModelFixture.model(name).interface == Self.linear)
    }

    @Test
    func namesElementTypesAsTheInferenceProtocolDoes() throws {
        let inputs = try ModelFixture.model("every-type.onnx").interface.inputs
        let names = Dictionary(uniqueKeysWithValues: inputs.map { ($0.name, $0.datatype) })
        #expect(
            names == [
                "FLOAT": "FP32", "UINT8": "UINT8", "INT8": "INT8", "UINT16": "UINT16", "INT16": "INT16",
                "INT32": "INT32", "INT64": "INT64", "STRING": "BYTES", "BOOL": "BOOL", "FLOAT16": "FP16",
                "DOUBLE": "FP64", "UINT32": "UINT32", "UINT64": "UINT64", "COMPLEX64": "COMPLEX64",
                "COMPLEX128": "COMPLEX128", "BFLOAT16": "BF16", "FLOAT8E4M3FN": "FLOAT8E4M3FN",
                "FLOAT8E4M3FNUZ": "FLOAT8E4M3FNUZ", "FLOAT8E5M2": "FLOAT8E5M2", "FLOAT8E5M2FNUZ": "FLOAT8E5M2FNUZ",
                "UINT4": "UINT4", "INT4": "INT4", "FLOAT4E2M1": "FLOAT4E2M1", "FLOAT8E8M0": "FLOAT8E8M0",
                "UINT2": "UINT2", "INT2": "INT2", "FLOAT6E2M3": "FLOAT6E2M3", "FLOAT6E3M2": "FLOAT6E3M2",
            ]
        )
    }

    @Test
    func tellsFixedSymbolicOpenAndUnrankedShapesApart() throws {
        let inputs = try ModelFixture.model("every-shape.onnx").interface.inputs
        let shapes = Dictionary(uniqueKeysWithValues: inputs.map { ($0.name, $0.shape) })
        let expected: [String: [ModelValue.Dimension]?] = [
            "fixed": [.fixed(1), .fixed(28), .fixed(28)],
            "symbol": [.dynamic(symbol: "batch"), .fixed(3)],
            "open": [.dynamic(symbol: nil), .fixed(3)],
            "scalar": [],
            "unranked": nil,
            "negative": [.dynamic(symbol: nil), .fixed(2)],
            "empty": [.fixed(0)],
        ]
        #expect(shapes == expected)
    }

    @Test
    func describesWhatIsNoTensor() throws {
        let model = try ModelFixture.model("containers.onnx")
        #expect(
            model.interface.inputs.map(\.datatype) == [
                "sequence(FP32)", "map(INT64,FP32)", "sequence(map(INT64,FP32))", "optional(FP32)", "sparse(FP64)",
            ]
        )
        #expect(model.interface.inputs.allSatisfy { $0.shape == nil })
        #expect(model.operatorSets.map(\.domain) == ["", "ai.onnx.ml"])
        #expect(model.operatorSets.map(\.version) == [17, 3])
        #expect(model.irVersion == 9)
    }

    /// The text is the contract: `printf TEXT | sha256sum` gives the digest.
    @Test
    func digestIsOverCanonicalJSON() throws {
        let text =
            #"{"inputs":[{"datatype":"FP32","name":"x","shape":[-1,4]}],"#
            + #""outputs":[{"datatype":"FP32","name":"y","shape":[-1,3]}]}"#
        #expect(String(decoding: try Self.linear.json.canonicalBytes(), as: UTF8.self) == text)
        #expect(try Self.linear.digest.hex == SHA256.digest(text.utf8).hex)
    }

    @Test
    func digestChangesOnlyWithWhatCallersSee() throws {
        let digest = try Self.linear.digest
        let unnamed = ModelInterface(
            inputs: [ModelValue(name: "x", datatype: "FP32", shape: [.dynamic(symbol: nil), .fixed(4)])],
            outputs: Self.linear.outputs
        )
        #expect(try unnamed.digest == digest)
        let others = [
            ModelValue(name: "z", datatype: "FP32", shape: [.dynamic(symbol: nil), .fixed(4)]),
            ModelValue(name: "x", datatype: "FP64", shape: [.dynamic(symbol: nil), .fixed(4)]),
            ModelValue(name: "x", datatype: "FP32", shape: [.dynamic(symbol: nil), .fixed(5)]),
            ModelValue(name: "x", datatype: "FP32", shape: nil),
        ]
        for other in others {
            #expect(try ModelInterface(inputs: [other], outputs: Self.linear.outputs).digest != digest)
        }
    }
}
