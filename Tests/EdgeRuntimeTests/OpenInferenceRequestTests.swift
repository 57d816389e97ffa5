import EdgeRuntime
import JSON
import ONNXRuntime
import Testing

/// Reads a request from text, followed by binary tensors where they are given.
func inferRequest(_ json: String, binary: [UInt8]? = nil) throws -> InferRequest {
    let body = Array(json.utf8) + (binary ?? [])
    return try body.withUnsafeBytes {
        try InferRequest(body: $0, headerLength: binary == nil ? nil : json.utf8.count)
    }
}

/// A request with one input `X`.
func inferRequest(_ datatype: String, _ shape: String, _ data: String) throws -> InferRequest {
    try inferRequest(#"{"inputs":[{"name":"X","shape":\#(shape),"datatype":"\#(datatype)","data":\#(data)}]}"#)
}

/// What a request is refused with.
private func refusal(_ json: String, binary: [UInt8]? = nil) -> String? {
    let error = #expect(throws: OpenInferenceError.self) { try inferRequest(json, binary: binary) }
    #expect(error?.httpStatus == 400)
    return error?.message
}

@Suite struct InferRequestTests {
    @Test func readsARequest() throws {
        let request = try inferRequest(
            #"""
            {"id": "a-1", "parameters": {"binary_data_output": true, "timeout": 5, "note": "x"},
             "inputs": [{"name": "X", "shape": [2, 3], "datatype": "FP32", "data": [[1, 2.5, -3e2], [0.1, 0, -0.0]]},
                        {"name": "ids", "shape": [2], "datatype": "INT64", "data": [9223372036854775807, -1]}],
             "outputs": [{"name": "Y", "parameters": {"binary_data": false}}, {"name": "Z"},
                         {"name": "C", "parameters": {"classification": 3, "other": [1]}}]}
            """#
        )
        #expect(request.id == "a-1")
        #expect(request.wantsBinaryOutput)
        #expect(request.parameters == ["timeout": 5, "note": "x"])
        #expect(request.inputs.map(\.name) == ["X", "ids"])
        #expect(request.inputs[0].tensor.elementType == .float32)
        #expect(request.inputs[0].tensor.shape == [2, 3])
        #expect(request.inputs[0].tensor.numbers(as: Float.self) == [1, 2.5, -300, 0.1, 0, 0])
        #expect(request.inputs[1].tensor.numbers(as: Int64.self) == [.max, -1])
        #expect(
            request.outputs == [
                RequestedOutput(name: "Y", binaryData: false), RequestedOutput(name: "Z"),
                RequestedOutput(name: "C", classification: 3),
            ]
        )
    }

    @Test(arguments: [
        // In another order, with unknown members and nulls as some clients write them.
        #"{"inputs":[{"data":[1,2],"datatype":"INT8","name":"X","shape":[2]}]}"#,
        #"{"inputs":[{"data":[[1],[2]],"shape":[2,1],"datatype":"INT8","name":"X"}]}"#,
        #"{"inputs":[{"name":"X","data":[1,2],"shape":[2],"datatype":"INT8","parameters":null,"x":{"a":[{}]}}],"y":[]}"#,
        #"{"id":null,"parameters":null,"outputs":null,"inputs":[{"name":"X","shape":[2],"datatype":"INT8","data":[1,2]}]}"#,
        #"{"inputs":[{"name":"X","shape":[2],"datatype":"INT8","data":[1,2]}],"outputs":[]}"#,
        "\t{ \"inputs\" : [ {\"name\":\"\\u0058\",\"shape\":[ 2 ],\"datatype\":\"INT8\",\"data\":[ 1\n,\r2 ] } ] } ",
    ])
    func readsTheSameFrom(json: String) throws {
        let request = try inferRequest(json)
        #expect(request.id == nil && request.outputs == nil && request.parameters.isEmpty)
        #expect(!request.wantsBinaryOutput)
        try #require(request.inputs.count == 1)
        #expect(request.inputs[0].name == "X")
        #expect(request.inputs[0].tensor.numbers(as: Int8.self) == [1, 2])
    }

    @Test(arguments: [
        ("[3]", "[1,2,3]"), ("[3,1]", "[1,2,3]"), ("[3,1]", "[[1],[2],[3]]"), ("[1,3,1]", "[[[1],[2],[3]]]"),
        ("[1,1,3]", "[[[1,2,3]]]"), ("[1,3]", "[ [ 1 , 2 , 3 ] ]"),
    ])
    func readsFlatAndNestedData(shape: String, data: String) throws {
        let tensor = try inferRequest("UINT8", shape, data).inputs[0].tensor
        #expect(tensor.numbers(as: UInt8.self) == [1, 2, 3])
    }

    @Test(arguments: [
        ("[]", "[7]", 1), ("[0]", "[]", 0), ("[0,4]", "[]", 0), ("[2,0]", "[[],[]]", 0), ("[2,0]", "[]", 0),
    ])
    func readsScalarsAndNothing(shape: String, data: String, count: Int) throws {
        #expect(try inferRequest("FP64", shape, data).inputs[0].tensor.elementCount == count)
        if count == 0 { #expect(try inferRequest("BYTES", shape, data).inputs[0].tensor.strings.isEmpty) }
    }

    @Test(arguments: [
        ("[1, 64]", "[1,2,3]", "3 values for shape [1, 64]"),
        ("[1]", "[]", "0 values for shape [1]"),
        ("[2]", "[1,2,3]", "3 values for shape [2]"),
        ("[]", "[1,2]", "2 values for shape []"),
        ("[1]", "[1,2,3,4,5,6,7,8,9]", "9 values for shape [1]"),
        ("[2,2]", "[[1,2],[3]]", "an array of 1 in dimension 1 of shape [2, 2], at byte 71"),
        ("[2,2]", "[[1,2],[3,4,5]]", "an array of 3 in dimension 1 of shape [2, 2], at byte 75"),
        ("[2,2]", "[[1,2]]", "an array of 1 in dimension 0 of shape [2, 2], at byte 68"),
        ("[2,2]", "[[1,2],[3,4],[5,6]]", "an array of 3 in dimension 0 of shape [2, 2], at byte 80"),
        ("[0,2]", "[[]]", "an array of 0 in dimension 1 of shape [0, 2], at byte 64"),
        ("[2]", "[[1,2]]", "at byte 61 \"data\" is nested 2 deep, neither flat nor as shape [2] is"),
        ("[1,1,2]", "[[1,2]]", "at byte 66 \"data\" is nested 2 deep, neither flat nor as shape [1, 1, 2] is"),
        ("[2,1]", "[[1],2]", "at byte 67 \"data\" is nested 1 deep, neither flat nor as shape [2, 1] is"),
        ("[2,1]", "[1,[2]]", "at byte 65 \"data\" is nested 2 deep, neither flat nor as shape [2, 1] is"),
        ("[1000000,2]", "[[1,2]]", "an array of 1 in dimension 0 of shape [1000000, 2], at byte 74"),
        ("[1000000]", "[1]", "1 value for shape [1000000]"),
    ])
    func refusesDataThatDoesNotFillTheShape(shape: String, data: String, problem: String) {
        let error = #expect(throws: OpenInferenceError.self) { try inferRequest("FP32", shape, data) }
        #expect(error?.message == "input \"X\": \(problem)")
    }

    @Test(arguments: [
        "[1,]", "[,1]", "[1 2]", "[1,2", "[1,2}", "[01]", "[1.]", "[1.5e]", "[-", "[[1],]", "[1,,2]", "[.5]", "[+1]",
        "[1}",
        "[", "",
    ])
    func refusesMalformedData(data: String) {
        #expect(throws: OpenInferenceError.self) { try inferRequest("FP32", "[2]", data) }
        // And the same where the data comes before the shape.
        #expect(throws: OpenInferenceError.self) {
            try inferRequest(#"{"inputs":[{"name":"X","data":\#(data),"shape":[2],"datatype":"FP32"}]}"#)
        }
    }

    @Test(
        arguments: [
            ("", "malformed JSON: the text ends at byte 0 inside a value"),
            ("[]", "malformed JSON at byte 0: expected an object"),
            ("{}", "the request has no \"inputs\""),
            (#"{"inputs":null}"#, "the request: \"inputs\" is not an array"),
            (#"{"inputs":[1]}"#, "the request: \"inputs\" is not an object"),
            (#"{"inputs":[],"inputs":[]}"#, "the request: \"inputs\" stands twice"),
            (#"{"inputs":[]} x"#, "malformed JSON at byte 14: expected the end of the text"),
            (#"{"inputs":[],"id":5}"#, "the request: \"id\" is not a string"),
            (
                #"{"inputs":[],"parameters":{"binary_data_output":1}}"#,
                "the request: \"binary_data_output\" is not true or false"
            ),
            (#"{"inputs":[],"outputs":[{}]}"#, "outputs[0] has no \"name\""),
            (
                #"{"inputs":[],"outputs":[{"name":"Y","parameters":{"binary_data":"no"}}]}"#,
                "outputs[0]: \"binary_data\" is not true or false"
            ),
            (
                #"{"inputs":[],"outputs":[{"name":"Y","parameters":{"classification":-1}}]}"#,
                "outputs[0]: \"classification\" is not an integer from 0 up"
            ),
            (#"{"inputs":[{}]}"#, "inputs[0] has no \"name\""),
            (#"{"inputs":[{"name":"X"}]}"#, "input \"X\" has no \"shape\""),
            (#"{"inputs":[{"name":"X","shape":[1]}]}"#, "input \"X\" has no \"datatype\""),
            (#"{"inputs":[{"name":"X","shape":[1],"datatype":"FP32"}]}"#, "input \"X\" has no \"data\""),
            (
                #"{"inputs":[{"name":"X","shape":[1],"datatype":"FP32","data":1}]}"#,
                "input \"X\": \"data\" is not an array"
            ),
            (#"{"inputs":[{"name":7}]}"#, "inputs[0]: \"name\" is not a string"),
            (#"{"inputs":[{"name":"X","name":"X"}]}"#, "input \"X\": \"name\" stands twice"),
            (#"{"inputs":[{"name":"X","data":[1],"data":[2]}]}"#, "input \"X\": \"data\" stands twice"),
            (#"{"inputs":[{"name":"X","shape":1}]}"#, "input \"X\": \"shape\" is not an array"),
            (
                #"{"inputs":[{"name":"X","shape":[-1]}]}"#,
                "input \"X\": \"shape\" holds something other than integers from 0 up"
            ),
            (
                #"{"inputs":[{"name":"X","shape":[1.0]}]}"#,
                "input \"X\": \"shape\" holds something other than integers from 0 up"
            ),
            (#"{"inputs":[{"name":"X","shape":[9223372036854775807,2]}]}"#, "input \"X\": \"shape\" is too large"),
            (#"{"inputs":[{"name":"X","shape":[0,9223372036854775807,9]}]}"#, nil),
            (
                #"{"inputs":[{"name":"X","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}]}"#,
                "input \"X\": \"shape\" has more than 16 dimensions"
            ),
            (
                #"{"inputs":[{"name":"X","datatype":"FLOAT"}]}"#,
                "input \"X\": \"datatype\" is \"FLOAT\", not one of BF16 BOOL BYTES FP16 FP32 FP64 INT16 INT32 INT64 INT8 "
                    + "UINT16 UINT32 UINT64 UINT8"
            ),
            (
                #"{"inputs":[{"name":"X","shape":[1],"datatype":"FP16","data":[1]}]}"#,
                "input \"X\": FP16 has no JSON form; send it as binary data, or in FP32 to a model for FP32"
            ),
            (
                #"{"inputs":[{"name":"X","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}"#,
                "input \"X\": it has \"binary_data_size\", but the header Inference-Header-Content-Length is missing"
            ),
        ] as [(String, String?)]
    )
    func refusesWithAReason(json: String, reason: String?) {
        let given = refusal(json)
        if let reason { #expect(given == reason) }
    }

    @Test(arguments: [
        ("BOOL", "1", "is not true or false"), ("BOOL", "\"true\"", "is not true or false"),
        ("BOOL", "tru", "is not true or false"), ("INT32", "1.0", "is not an integer"),
        ("INT32", "1e3", "is not an integer"), ("INT32", "\"1\"", "is not an integer"),
        ("INT32", "null", "is not an integer"), ("INT32", "true", "is not an integer"),
        ("FP32", "null", "is not a number (JSON has no NaN and no infinity, binary data has)"),
        ("FP32", "NaN", "is not a number (JSON has no NaN and no infinity, binary data has)"),
        ("FP64", "-Infinity", "is not a number (JSON has no NaN and no infinity, binary data has)"),
        ("FP32", "\"1\"", "is not a number (JSON has no NaN and no infinity, binary data has)"),
        ("BYTES", "1", "is not a string"), ("FP32", "3.5e38", "is out of range for FP32"),
        ("FP32", "-1e400", "is out of range for FP32"), ("FP64", "1e309", "is out of range for FP64"),
        ("FP64", "1e99999999999999999999", "is out of range for FP64"),
    ])
    func refusesValuesOfAnotherKind(datatype: String, value: String, problem: String) {
        let error = #expect(throws: OpenInferenceError.self) {
            try inferRequest(
                datatype,
                "[2]",
                "[\(datatype == "BYTES" ? "\"a\"" : datatype == "BOOL" ? "true" : "1"),\(value)]"
            )
        }
        #expect(error?.message == "input \"X\": value 1 \(problem)")
    }

    @Test func readsStringsWithEscapes() throws {
        let data = #"["", "plain", "zw\u00f6lf", "\ud83e\udd86 \"\\\/\b\f\n\r\t", "nul\u0000"]"#
        let strings = try inferRequest("BYTES", "[5]", data).inputs[0].tensor.strings
        #expect(strings == ["", "plain", "zwölf", "🦆 \"\\/\u{8}\u{c}\n\r\t", "nul\0"])
    }

    @Test func refusesTextThatIsNotUTF8() {
        var body = Array(#"{"inputs":[{"name":"X","shape":[1],"datatype":"BYTES","data":["?"]}]}"#.utf8)
        body[body.count - 6] = 0xFF
        #expect(throws: OpenInferenceError.self) {
            try body.withUnsafeBytes { try InferRequest(body: $0) }
        }
    }
}

/// Broken bodies are refused or read, never fatal: it is a crash that would fail these.
@Suite struct InferRequestMutationTests {
    @Test func readsOrRefusesWhateverBytesAreChanged() {
        let seed = Array(
            #"""
            {"id":"a","parameters":{"binary_data_output":true},"inputs":[{"name":"X","shape":[2,2],"datatype":"FP32",
            "data":[[1,-2.5e1],[0.1,0]]},{"data":["a","\ud83e\udd86"],"name":"s","shape":[2],"datatype":"BYTES"},
            {"name":"b","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":6}}]}
            """#.utf8
        )
        let body = seed + [2, 0, 0, 0, 0x61, 0x62]
        let alphabet = Array(#"[]{},:"0123456789.eE+-\ truefalsn"#.utf8)
        var random = Generator(state: 3)
        var read = 0
        for _ in 0..<5000 {
            var mutated = body
            for _ in 0...random.next() % 2 {
                let place = Int(random.next() % UInt64(seed.count))
                mutated[place] = alphabet[Int(random.next() % UInt64(alphabet.count))]
            }
            let request = try? mutated.withUnsafeBytes { try InferRequest(body: $0, headerLength: seed.count) }
            read += request == nil ? 0 : 1
        }
        #expect(read > 0 && read < 5000)
    }
}

/// Limits of the integer datatypes: the least and the greatest value go through, one beyond doesn't.
@Suite struct InferRequestIntegerTests {
    @Test func readsAllOfEveryRange() throws {
        try check(UInt8.self, "UINT8", below: "-1", above: "256")
        try check(UInt16.self, "UINT16", below: "-1", above: "65536")
        try check(UInt32.self, "UINT32", below: "-1", above: "4294967296")
        try check(UInt64.self, "UINT64", below: "-1", above: "18446744073709551616")
        try check(Int8.self, "INT8", below: "-129", above: "128")
        try check(Int16.self, "INT16", below: "-32769", above: "32768")
        try check(Int32.self, "INT32", below: "-2147483649", above: "2147483648")
        try check(Int64.self, "INT64", below: "-9223372036854775809", above: "9223372036854775808")
    }

    private func check<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ type: Integer.Type,
        _ datatype: String,
        below: String,
        above: String
    ) throws {
        let data = "[\(Integer.min),\(Integer.max),0,-0,7]"
        let tensor = try inferRequest(datatype, "[5]", data).inputs[0].tensor
        #expect(tensor.numbers(as: type) == [.min, .max, 0, 0, 7])
        for beyond in [below, above, "-99999999999999999999", "99999999999999999999999999"] {
            let error = #expect(throws: OpenInferenceError.self) { try inferRequest(datatype, "[1]", "[\(beyond)]") }
            #expect(error?.message == "input \"X\": value 0 is out of range for \(datatype)")
        }
    }
}

@Suite struct InferRequestBinaryTests {
    private let first = #"{"name":"A","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}"#

    @Test func readsBinaryAndJSONInputsTogether() throws {
        let json = #"""
            {"inputs":[\#(first),{"name":"B","shape":[1],"datatype":"INT8","data":[5]},
            {"name":"C","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":11}}]}
            """#
        let binary: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0, 0xC0, 0x7F, 3, 0, 0, 0, 0x61, 0, 0xFF, 0, 0, 0, 0]
        let inputs = try inferRequest(json, binary: binary).inputs
        let floats = inputs[0].tensor.numbers(as: Float.self)
        #expect(floats[0] == 1 && floats[1].isNaN)
        #expect(inputs[1].tensor.numbers(as: Int8.self) == [5])
        // Bytes, not text: neither NUL nor what isn't UTF-8 is touched.
        #expect(inputs[2].tensor.withBytes { Array($0) } == [0x61, 0, 0xFF])
        #expect(inputs[2].tensor.memory.offsets == [0, 3, 3])
    }

    @Test func readsJSONAloneWithTheHeader() throws {
        let json = #"{"inputs":[{"name":"B","shape":[1],"datatype":"INT8","data":[5]}]}"#
        #expect(try inferRequest(json, binary: []).inputs.count == 1)
    }

    @Test(arguments: [
        (8, "FP32", "[2]", 7, "\"binary_data_size\" is 8, but only 7 bytes are left"),
        (4, "FP32", "[2]", 4, "4 bytes of binary data for FP32 [2], which takes 8"),
        (12, "FP32", "[2]", 12, "12 bytes of binary data for FP32 [2], which takes 8"),
        (2, "BOOL", "[2]", 2, "byte 1 of the binary data is 2, not 0 or 1"),
        (4, "BYTES", "[2]", 4, "4 bytes of binary data are too few for BYTES [2]"),
        (8, "BYTES", "[2]", 8, "the binary data ends inside string 0"),
        (12, "BYTES", "[1]", 12, "6 bytes of binary data follow the last string"),
        (4, "BYTES", "[1000000000000]", 4, "4 bytes of binary data are too few for BYTES [1000000000000]"),
    ])
    func refusesBinaryDataThatDoesNotFit(size: Int, datatype: String, shape: String, bytes: Int, problem: String) {
        let json =
            #"{"inputs":[{"name":"A","shape":\#(shape),"datatype":"\#(datatype)","parameters":"#
            + #"{"binary_data_size":\#(size)}}]}"#
        let binary = [UInt8]([1, 2, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9].prefix(bytes))
        let data = datatype == "BYTES" && bytes == 12 ? [2, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9] : binary
        #expect(refusal(json, binary: data) == "input \"A\": \(problem)")
    }

    @Test func refusesBytesThatNoInputTakes() {
        let json = #"{"inputs":[\#(first)]}"#
        #expect(
            refusal(json, binary: Array(repeating: 0, count: 9))
                == "Inference-Header-Content-Length leaves 9 bytes for binary tensors, but the inputs take 8"
        )
    }

    @Test func refusesDataTwice() {
        let json =
            #"{"inputs":[{"name":"A","shape":[1],"datatype":"INT8","data":[1],"parameters":{"binary_data_size":1}}]}"#
        #expect(refusal(json, binary: [1]) == "input \"A\": it has both \"data\" and \"binary_data_size\"")
    }

    @Test(arguments: [-1, 3])
    func refusesAHeaderLengthOutsideTheBody(length: Int) {
        let body: [UInt8] = [0x7B, 0x7D]
        let error = #expect(throws: OpenInferenceError.self) {
            try body.withUnsafeBytes { try InferRequest(body: $0, headerLength: length) }
        }
        #expect(error?.message == "Inference-Header-Content-Length is \(length), but the body has 2 bytes")
    }

    @Test func everyCutOfARequestIsRefused() throws {
        let json = Array(#"{"inputs":[\#(first),{"name":"B","shape":[1],"datatype":"INT8","data":[5]}]}"#.utf8)
        let body = json + [0, 0, 0, 0, 0, 0, 0, 0]
        _ = try body.withUnsafeBytes { try InferRequest(body: $0, headerLength: json.count) }
        for length in 0..<body.count {
            #expect(throws: OpenInferenceError.self) {
                try body[..<length].withUnsafeBytes {
                    try InferRequest(body: $0, headerLength: min(length, json.count))
                }
            }
        }
    }
}
