import EdgeRuntime
import JSON
import ONNXRuntime
import Testing

/// What an answer is written as: its JSON part, its binary part, and the length of the first where there is a second.
private func encoded(
    _ response: InferResponse
) throws -> (json: String, binary: [UInt8], encoding: OpenInferenceEncoding) {
    var buffer = OpenInferenceBuffer(capacity: 16)
    let encoding = try response.encode(into: &buffer)
    let bytes = buffer.withBytes { Array($0) }
    let end = encoding.headerLength ?? bytes.count
    return (String(decoding: bytes[..<end], as: UTF8.self), Array(bytes[end...]), encoding)
}

private func data(_ tensor: Tensor) throws -> String {
    let json = try encoded(InferResponse(modelName: "m", outputs: [InferOutput(name: "Y", tensor: tensor)])).json
    let start = try #require(json.firstRange(of: #""data":"#)).upperBound
    return String(json[start...].dropLast(3))
}

@Suite struct InferResponseTests {
    @Test func writesJSON() throws {
        let response = InferResponse(
            modelName: "digits",
            modelVersion: "3",
            id: "a\"b",
            parameters: ["k": 1],
            outputs: [
                InferOutput(name: "label", tensor: Tensor(.int64, shape: [1], numbers: [Int64(7)])),
                InferOutput(name: "p", tensor: Tensor(.float32, shape: [1, 2], numbers: [Float(0.1), 0.9])),
            ]
        )
        let (json, binary, encoding) = try encoded(response)
        #expect(
            json == #"{"model_name":"digits","model_version":"3","id":"a\"b","parameters":{"k":1},"outputs":["#
                + #"{"name":"label","shape":[1],"datatype":"INT64","data":[7]},"#
                + #"{"name":"p","shape":[1,2],"datatype":"FP32","data":[0.1,0.9]}]}"#
        )
        #expect(binary.isEmpty && encoding.headerLength == nil)
        #expect(encoding.contentType == "application/json")
    }

    @Test func writesBinaryTensorsInTheirOrder() throws {
        let response = InferResponse(
            modelName: "m",
            outputs: [
                InferOutput(name: "a", tensor: Tensor(shape: [2], strings: ["é", ""]), isBinary: true),
                InferOutput(name: "b", tensor: Tensor(.uint8, shape: [1], numbers: [UInt8(4)])),
                InferOutput(name: "c", tensor: Tensor(.int16, shape: [2], numbers: [Int16(-2), 3]), isBinary: true),
            ]
        )
        let (json, binary, encoding) = try encoded(response)
        #expect(
            json == #"{"model_name":"m","outputs":["#
                + #"{"name":"a","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}},"#
                + #"{"name":"b","shape":[1],"datatype":"UINT8","data":[4]},"#
                + #"{"name":"c","shape":[2],"datatype":"INT16","parameters":{"binary_data_size":4}}]}"#
        )
        #expect(binary == [2, 0, 0, 0, 0xC3, 0xA9, 0, 0, 0, 0, 0xFE, 0xFF, 3, 0])
        #expect(encoding.headerLength == json.utf8.count)
        #expect(encoding.contentType == "application/octet-stream")
    }

    @Test func writesTheShortestFloatsOfTheirOwnWidth() throws {
        let floats: [Float] = [0.1, 1, -0.0, 16_777_216, 1e20, 1e-7, .greatestFiniteMagnitude, .leastNonzeroMagnitude]
        #expect(
            try data(Tensor(.float32, shape: [8], numbers: floats))
                == "[0.1,1.0,-0.0,16777216.0,1e+20,1e-07,3.4028235e+38,1e-45]"
        )
        let doubles = [0.1, Double(Float(0.1)), .greatestFiniteMagnitude, .leastNonzeroMagnitude]
        #expect(
            try data(Tensor(.float64, shape: [4], numbers: doubles))
                == "[0.1,0.10000000149011612,1.7976931348623157e+308,5e-324]"
        )
    }

    @Test func writesTheLimitsOfIntegers() throws {
        #expect(
            try data(Tensor(.int64, shape: [4], numbers: [Int64.min, -1, 0, .max]))
                == "[-9223372036854775808,-1,0,9223372036854775807]"
        )
        #expect(
            try data(Tensor(.uint64, shape: [4], numbers: [UInt64.max, 9_999_999_999_999_999_999, 10, 9]))
                == "[18446744073709551615,9999999999999999999,10,9]"
        )
        #expect(try data(Tensor(.int8, shape: [2], numbers: [Int8.min, .max])) == "[-128,127]")
        #expect(try data(Tensor(.bool, shape: [2], numbers: [UInt8(0), 1])) == "[false,true]")
        #expect(try data(Tensor(.int8, shape: [0], numbers: [Int8]())) == "[]")
    }

    @Test func escapesStrings() throws {
        let tensor = Tensor(shape: [2], strings: ["\"\\/\n\r\t\0\u{1f}", "é🦆"])
        #expect(try data(tensor) == #"["\"\\/\n\r\t\u0000\u001f","é🦆"]"#)
    }

    @Test func refusesWhatJSONCannotSayAndLeavesTheBufferAsItWas() throws {
        let half = Tensor(.float16, shape: [1], numbers: [UInt16(0)])
        let notText = [UInt8(0xFF)].withUnsafeBytes { OwnedTensorMemory(stringBytes: $0, offsets: [0, 1]) }
        let cases: [(Tensor, String)] = [
            (
                Tensor(.float32, shape: [2], numbers: [1, Float.nan]),
                "output \"Y\" has the value nan at 1, which has no JSON form; ask for it with binary_data"
            ),
            (
                Tensor(.float64, shape: [1], numbers: [-Double.infinity]),
                "output \"Y\" has the value -inf at 0, which has no JSON form; ask for it with binary_data"
            ),
            (half, "output \"Y\" is FP16, which has no JSON form; ask for it with binary_data"),
            (
                Tensor(elementType: .bytes, shape: [1], memory: notText),
                "output \"Y\" has a string that is not UTF-8 at 0; ask for it with binary_data"
            ),
        ]
        var buffer = OpenInferenceBuffer()
        _ = try InferResponse(modelName: "before", outputs: []).encode(into: &buffer)
        let before = buffer.withBytes { Array($0) }
        for (tensor, message) in cases {
            var error: OpenInferenceError?
            do throws(OpenInferenceError) {
                _ = try InferResponse(modelName: "m", outputs: [InferOutput(name: "Y", tensor: tensor)])
                    .encode(into: &buffer)
            } catch let thrown { error = thrown }
            #expect(error?.message == message)
            #expect(error?.httpStatus == 500)
            #expect(buffer.withBytes { Array($0) } == before)
            // In binary everything has a form.
            let output = InferOutput(name: "Y", tensor: tensor, isBinary: true)
            #expect(try encoded(InferResponse(modelName: "m", outputs: [output])).encoding.headerLength != nil)
        }
    }
}

/// What is written reads back the same, for every datatype, in JSON and in binary.
@Suite struct OpenInferenceRoundTripTests {
    private func tensor(_ type: ElementType) -> Tensor {
        if type == .bytes { return Tensor(shape: [2, 3], strings: ["", "a", "ö\n\"", "🦆", "\0", "end"]) }
        var random = Generator(state: UInt64(type.rawValue))
        let memory = OwnedTensorMemory(byteCount: 6 * type.byteCount) { bytes in
            for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next() >> 40) }
            // Exponents of all ones would be NaN or infinity.
            for index in 0..<6 where type == .bool { bytes[index] &= 1 }
            for index in 0..<6 where type == .float32 { bytes[4 * index + 3] &= 0xBF }
            for index in 0..<6 where type == .float64 { bytes[8 * index + 7] &= 0xBF }
        }
        return Tensor(elementType: type, shape: [2, 3], memory: memory)
    }

    private func roundTrip(_ request: InferRequest, binary: Bool) throws -> InferRequest {
        var buffer = OpenInferenceBuffer(capacity: 16)
        let encoding = try request.encode(into: &buffer, binary: binary)
        return try buffer.withBytes { (bytes) throws(OpenInferenceError) in
            try InferRequest(body: bytes, headerLength: encoding.headerLength)
        }
    }

    @Test(arguments: ElementType.allCases)
    func binary(type: ElementType) throws {
        try check(type, binary: true)
    }

    @Test(arguments: ElementType.allCases.filter { $0 != .float16 && $0 != .bfloat16 })
    func json(type: ElementType) throws {
        try check(type, binary: false)
    }

    private func check(_ type: ElementType, binary: Bool) throws {
        let tensor = tensor(type)
        let outputs = [RequestedOutput(name: "Y", binaryData: true), RequestedOutput(name: "Z", classification: 2)]
        let request = InferRequest(
            id: "é",
            inputs: [InferTensor(name: "in \"1\"", tensor: tensor), InferTensor(name: "2", tensor: tensor)],
            outputs: outputs,
            wantsBinaryOutput: true,
            parameters: ["p": ["q": 1]]
        )
        let read = try roundTrip(request, binary: binary)
        #expect(read.id == request.id)
        #expect(read.outputs == outputs)
        #expect(read.wantsBinaryOutput)
        #expect(read.parameters == request.parameters)
        #expect(read.inputs.map(\.name) == ["in \"1\"", "2"])
        for input in read.inputs {
            #expect(input.tensor.elementType == type)
            #expect(input.tensor.shape == [2, 3])
            #expect(input.tensor.withBytes { Array($0) } == tensor.withBytes { Array($0) })
            #expect(input.tensor.memory.offsets == tensor.memory.offsets)
        }
    }
}
