import Diagnostics
import EdgeRuntime
import ONNXRuntime
import Testing

@Suite struct ModelBindingTests {
    private let batch = Dimension(size: -1, symbol: "batch")

    private func binding() throws -> ModelBinding {
        try ModelBinding(
            inputs: [
                ValueDescription(name: "X", kind: .tensor(.float32, dimensions: [batch, Dimension(size: 2)])),
                ValueDescription(name: "mask", kind: .tensor(.bool, dimensions: [batch])),
            ],
            outputs: [
                ValueDescription(name: "label", kind: .tensor(.int64, dimensions: [batch])),
                ValueDescription(name: "p", kind: .probabilityMaps(keys: .bytes)),
                ValueDescription(name: "scores", kind: .tensor(.float32, dimensions: [batch, Dimension(size: 3)])),
            ]
        )
    }

    private let x = InferTensor(name: "X", tensor: Tensor(.float32, shape: [1, 2], numbers: [Float(1), 2]))
    private let mask = InferTensor(name: "mask", tensor: Tensor(.bool, shape: [1], numbers: [UInt8(1)]))

    private func refusal(_ request: InferRequest) throws -> String? {
        let binding = try binding()
        let error = #expect(throws: OpenInferenceError.self) { try binding.bind(request) }
        #expect(error?.httpStatus == 400)
        return error?.message
    }

    @Test func findsInputsByNameInAnyOrder() throws {
        let bound = try binding().bind(InferRequest(inputs: [mask, x]))
        #expect(bound.inputs.map(\.index) == [1, 0])
        #expect(bound.outputIndices == [0, 1, 2])
        #expect(bound.outputs.allSatisfy { !$0.isBinary })
    }

    @Test func takesTheOutputsAskedForAsTheyAreAskedFor() throws {
        let request = InferRequest(
            inputs: [x, mask],
            outputs: [RequestedOutput(name: "scores", binaryData: false), RequestedOutput(name: "label")],
            wantsBinaryOutput: true
        )
        let bound = try binding().bind(request)
        #expect(bound.outputIndices == [2, 0])
        #expect(bound.outputs.map(\.isBinary) == [false, true])
    }

    @Test func namesWhatIsWrongWithTheInputs() throws {
        let other = InferTensor(name: "Y", tensor: x.tensor)
        #expect(
            try refusal(InferRequest(inputs: [other]))
                == "the model has no input \"Y\", it takes \"X\", \"mask\""
        )
        #expect(try refusal(InferRequest(inputs: [x])) == "input \"mask\" is missing, BOOL [batch]")
        #expect(try refusal(InferRequest(inputs: [x, x])) == "input \"X\" stands twice")
        let narrow = InferTensor(name: "X", tensor: Tensor(.float32, shape: [2, 1], numbers: [Float(1), 2]))
        #expect(
            try refusal(InferRequest(inputs: [narrow, mask]))
                == "input \"X\" must be FP32 [batch, 2], but FP32 [2, 1] was given"
        )
        let flat = InferTensor(name: "X", tensor: Tensor(.float32, shape: [2], numbers: [Float(1), 2]))
        #expect(
            try refusal(InferRequest(inputs: [flat, mask]))
                == "input \"X\" must be FP32 [batch, 2], but FP32 [2] was given"
        )
        let double = InferTensor(name: "X", tensor: Tensor(.float64, shape: [1, 2], numbers: [1.0, 2]))
        #expect(
            try refusal(InferRequest(inputs: [double, mask]))
                == "input \"X\" must be FP32 [batch, 2], but FP64 [1, 2] was given"
        )
    }

    @Test func namesWhatIsWrongWithTheOutputs() throws {
        #expect(
            try refusal(InferRequest(inputs: [x, mask], outputs: [RequestedOutput(name: "q")]))
                == "output \"q\" is not the model's, it gives \"label\", \"p\", \"scores\""
        )
        let twice = [RequestedOutput(name: "p"), RequestedOutput(name: "p")]
        #expect(try refusal(InferRequest(inputs: [x, mask], outputs: twice)) == "output \"p\" is asked for twice")
    }

    @Test func refusesOutputsThatCannotBeSentUnlessTheyAreLeftOut() throws {
        let binding = try ModelBinding(
            inputs: [],
            outputs: [
                ValueDescription(name: "parts", kind: .other("a sequence of tensors")),
                ValueDescription(name: "whole", kind: .tensor(.float32, dimensions: [])),
            ]
        )
        #expect(binding.outputs.map(\.name) == ["whole"])
        let message =
            "output \"parts\" is a sequence of tensors, which the protocol can't carry; ask for other outputs by name"
        for outputs in [nil, [RequestedOutput(name: "parts")]] {
            let error = #expect(throws: OpenInferenceError.self) {
                try binding.bind(InferRequest(inputs: [], outputs: outputs))
            }
            #expect(error?.message == message)
        }
        let bound = try binding.bind(InferRequest(inputs: [], outputs: [RequestedOutput(name: "whole")]))
        #expect(bound.outputIndices == [1])
    }

    @Test func refusesAModelWithAnInputThatNoRequestCanCarry() {
        let input = ValueDescription(name: "list", kind: .other("a sequence of tensors"))
        let error = #expect(throws: ModelNotServable.self) { try ModelBinding(inputs: [input], outputs: []) }
        #expect(error?.message == "the model's input \"list\" is a sequence of tensors, which no request can carry")
        #expect(error?.exitCode == .modelNotLoaded)
    }

    @Test func describesMapsAsStringsAndSendsThemAsJSON() throws {
        let binding = try binding()
        #expect(binding.outputs[1] == TensorMetadata(name: "p", elementType: .bytes, shape: [-1]))
        let bound = try binding.bind(InferRequest(inputs: [x, mask], outputs: [RequestedOutput(name: "p")]))
        let maps = [
            ProbabilityMap(entries: [
                .init(key: .string("a\"b"), probability: 0.1), .init(key: .string("c"), probability: 0.9),
            ]),
            ProbabilityMap(entries: [.init(key: .integer(-3), probability: 1)]),
        ]
        let outputs = try binding.outputs([.probabilityMaps(maps)], for: bound)
        #expect(outputs[0].tensor.shape == [2])
        #expect(outputs[0].tensor.strings == [#"{"a\"b":0.1,"c":0.9}"#, #"{"-3":1.0}"#])
        let broken = [ProbabilityMap(entries: [.init(key: .integer(1), probability: .nan)])]
        #expect(throws: OpenInferenceError.self) { try binding.outputs([.probabilityMaps(broken)], for: bound) }
    }

    @Test func sendsTheHighestClassesWhereTheyAreAskedFor() throws {
        let binding = try binding()
        func classes(_ count: Int, _ numbers: [Float]) throws -> Tensor {
            let wanted = [RequestedOutput(name: "scores", classification: count)]
            let bound = try binding.bind(InferRequest(inputs: [x, mask], outputs: wanted))
            let scores = Tensor(.float32, shape: [numbers.count / 3, 3], numbers: numbers)
            return try binding.outputs([.tensor(scores)], for: bound)[0].tensor
        }
        let two = try classes(2, [0.1, 0.7, 0.2, 0.5, .nan, 0.5])
        #expect(two.shape == [2, 2])
        #expect(two.strings == ["0.7:1", "0.2:2", "0.5:0", "0.5:2"])
        #expect(try classes(9, [3, 1, 2]).strings == ["3.0:0", "2.0:2", "1.0:1"])
        #expect(try classes(0, [3, 1, 2]).elementType == .float32)
    }
}

@Suite(.enabled(if: ONNXFixture.isAvailable, ONNXFixture.reason))
struct ModelBindingSessionTests {
    @Test func answersARequestFromBytesToBytes() throws {
        let session = try ONNXFixture.session("zipmap_strings.onnx")
        let binding = try ModelBinding(session)
        let request = try inferRequest("FP32", "[2,4]", "[[5.1,3.5,1.4,0.2],[6.2,2.9,4.3,1.3]]")
        let bound = try binding.bind(request)
        let values = try session.run(inputs: bound.inputs, outputs: bound.outputIndices)
        let outputs = try binding.outputs(values, for: bound)
        #expect(outputs.map(\.name) == ["output_label", "output_probability"])
        #expect(outputs[0].tensor.strings == ["setosa", "versicolor"])
        #expect(outputs[1].tensor.strings[0].hasPrefix(#"{"setosa":0.98165"#))
        var buffer = OpenInferenceBuffer()
        let encoding = try InferResponse(modelName: "iris", outputs: outputs).encode(into: &buffer)
        #expect(encoding.headerLength == nil)
    }
}

@Suite struct OpenInferenceMetadataTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func writesHealth() {
        #expect(text(OpenInference.live(true)) == #"{"live":true}"#)
        #expect(text(OpenInference.ready(false)) == #"{"ready":false}"#)
        #expect(text(OpenInference.modelReady(name: "m\"", isReady: true)) == #"{"name":"m\"","ready":true}"#)
    }

    @Test func writesMetadata() {
        #expect(
            text(OpenInference.serverMetadata(name: "edgeruntime", version: "0.1"))
                == #"{"name":"edgeruntime","version":"0.1","extensions":["binary_tensor_data","classification"]}"#
        )
        let metadata = OpenInference.modelMetadata(
            name: "digits",
            versions: ["1", "2"],
            platform: OpenInference.onnxPlatform,
            inputs: [TensorMetadata(name: "X", elementType: .float32, shape: [-1, 64])],
            outputs: [TensorMetadata(name: "Y", elementType: .bytes, shape: [])]
        )
        #expect(
            text(metadata)
                == #"{"name":"digits","versions":["1","2"],"platform":"onnx_onnxv1","#
                + #""inputs":[{"name":"X","datatype":"FP32","shape":[-1,64]}],"#
                + #""outputs":[{"name":"Y","datatype":"BYTES","shape":[]}]}"#
        )
    }

    @Test func writesErrors() {
        #expect(text(OpenInference.error("no \"X\"")) == #"{"error":"no \"X\""}"#)
    }
}
