import JSON
import ONNXRuntime

extension InferRequest {
    /// Reads a request straight into tensors, without a document tree in between.
    ///
    /// - Parameters:
    ///   - body: the whole body; not kept.
    ///   - headerLength: the value of the header `Inference-Header-Content-Length`, whose presence alone says that
    ///     binary tensors follow the JSON part. The content type says nothing: clients differ in it.
    package init(body: UnsafeRawBufferPointer, headerLength: Int? = nil) throws(OpenInferenceError) {
        do {
            var parser = try InferRequestParser(body: body, headerLength: headerLength)
            self = try parser.parse()
        } catch let error as OpenInferenceError {
            throw error
        } catch let error as JSONError {
            throw .malformed(error)
        } catch {
            throw .malformed(.unexpected(path: "", problem: "\(error)"))
        }
    }
}

/// Reads one request. Throws `OpenInferenceError` and `JSONError` only; unknown members are skipped.
private struct InferRequestParser {
    private var reader: JSONReader
    /// What follows the JSON part; nil where the request has no binary part.
    private let binary: UnsafeRawBufferPointer?
    /// How much of `binary` earlier inputs have taken.
    private var binaryOffset = 0

    private static let request = "the request"

    init(body: UnsafeRawBufferPointer, headerLength: Int?) throws {
        var json = body
        if let headerLength {
            guard headerLength >= 0, headerLength <= body.count else {
                throw OpenInferenceError.wrongHeaderLength(
                    problem: "is \(headerLength), but the body has \(body.count) bytes"
                )
            }
            json = UnsafeRawBufferPointer(rebasing: body[..<headerLength])
            binary = UnsafeRawBufferPointer(rebasing: body[headerLength...])
        } else {
            binary = nil
        }
        // The size of bodies is the server's limit.
        reader = try JSONReader(json, limits: JSONLimits(bytes: .max))
    }

    mutating func parse() throws -> InferRequest {
        var id: String?
        var inputs: [InferTensor]?
        var outputs: [RequestedOutput]?
        var parameters: JSONObject?
        try reader.enterObject()
        while let member = try reader.nextMember() {
            if reader.text(at: member, equals: "inputs") {
                guard inputs == nil else { throw twice("inputs", Self.request) }
                inputs = try self.inputs()
            } else if try isNull() {
                continue
            } else if reader.text(at: member, equals: "id") {
                guard id == nil else { throw twice("id", Self.request) }
                id = try string("id", owner: Self.request)
            } else if reader.text(at: member, equals: "outputs") {
                guard outputs == nil else { throw twice("outputs", Self.request) }
                outputs = try self.outputs()
            } else if reader.text(at: member, equals: "parameters") {
                guard parameters == nil else { throw twice("parameters", Self.request) }
                parameters = try requestParameters()
            } else {
                try reader.skip()
            }
        }
        try reader.end()
        guard let inputs else { throw OpenInferenceError.missingMember("inputs", owner: Self.request) }
        if let binary, binaryOffset < binary.count {
            throw OpenInferenceError.wrongHeaderLength(
                problem: "leaves \(binary.count) bytes for binary tensors, but the inputs take \(binaryOffset)"
            )
        }
        let binaryOutput = try takeBinaryOutput(&parameters)
        return InferRequest(
            id: id,
            inputs: inputs,
            outputs: outputs?.isEmpty == true ? nil : outputs,
            wantsBinaryOutput: binaryOutput,
            parameters: parameters ?? JSONObject()
        )
    }

    // MARK: - Inputs

    private mutating func inputs() throws -> [InferTensor] {
        var inputs: [InferTensor] = []
        try enterArray("inputs", owner: Self.request)
        while try reader.nextElement() {
            inputs.append(try input(index: inputs.count))
        }
        return inputs
    }

    /// What is known of an input while its members are read; they come in any order.
    private struct PartialInput {
        var name: String?
        var elementType: ElementType?
        var shape: [Int]?
        var binarySize: Int?
        /// Where its `data` starts, when it came before what says how to read it.
        var dataOffset: Int?
        var tensor: Tensor?

        func label(_ index: Int) -> String { name.map { "input \"\($0)\"" } ?? "inputs[\(index)]" }
    }

    private mutating func input(index: Int) throws -> InferTensor {
        var input = PartialInput()
        try enterObject("inputs", owner: Self.request)
        while let member = try reader.nextMember() {
            if reader.text(at: member, equals: "name") {
                guard input.name == nil else { throw twice("name", input.label(index)) }
                input.name = try string("name", owner: input.label(index))
            } else if reader.text(at: member, equals: "shape") {
                guard input.shape == nil else { throw twice("shape", input.label(index)) }
                input.shape = try shape(owner: input.label(index))
            } else if reader.text(at: member, equals: "datatype") {
                guard input.elementType == nil else { throw twice("datatype", input.label(index)) }
                input.elementType = try elementType(owner: input.label(index))
            } else if reader.text(at: member, equals: "data") {
                guard input.tensor == nil, input.dataOffset == nil else { throw twice("data", input.label(index)) }
                try data(&input, index: index)
            } else if reader.text(at: member, equals: "parameters") {
                let size = try binaryDataSize(owner: input.label(index))
                guard input.binarySize == nil else { throw twice("binary_data_size", input.label(index)) }
                input.binarySize = size
            } else {
                try reader.skip()
            }
        }
        return try finish(input, index: index)
    }

    /// Reads `data` at once where it can be, else remembers where it stands.
    private mutating func data(_ input: inout PartialInput, index: Int) throws {
        guard try reader.peek() == .array else {
            throw OpenInferenceError.wrongMember("data", owner: input.label(index), problem: "is not an array")
        }
        guard let name = input.name, let elementType = input.elementType, let shape = input.shape else {
            input.dataOffset = reader.offset
            try reader.skip()
            return
        }
        var scanner = TensorDataScanner(reader.bytes, at: reader.offset, input: name, shape: shape)
        input.tensor = try scanner.tensor(elementType)
        reader.advance(to: scanner.offset)
    }

    private mutating func finish(_ input: PartialInput, index: Int) throws -> InferTensor {
        let label = input.label(index)
        guard let name = input.name else { throw OpenInferenceError.missingMember("name", owner: label) }
        guard let shape = input.shape else { throw OpenInferenceError.missingMember("shape", owner: label) }
        guard let elementType = input.elementType else {
            throw OpenInferenceError.missingMember("datatype", owner: label)
        }
        if let size = input.binarySize {
            guard input.tensor == nil, input.dataOffset == nil else {
                throw OpenInferenceError.wrongData(
                    input: name,
                    problem: "it has both \"data\" and \"binary_data_size\""
                )
            }
            let bytes = try takeBinary(size, input: name)
            return InferTensor(name: name, tensor: try Tensor(elementType, shape: shape, binary: bytes, input: name))
        }
        if let tensor = input.tensor { return InferTensor(name: name, tensor: tensor) }
        guard let offset = input.dataOffset else { throw OpenInferenceError.missingMember("data", owner: label) }
        var scanner = TensorDataScanner(reader.bytes, at: offset, input: name, shape: shape)
        return InferTensor(name: name, tensor: try scanner.tensor(elementType))
    }

    private mutating func takeBinary(
        _ size: Int,
        input: String
    ) throws -> UnsafeRawBufferPointer {
        guard let binary else {
            throw OpenInferenceError.wrongData(
                input: input,
                problem: "it has \"binary_data_size\", but the header Inference-Header-Content-Length is missing"
            )
        }
        guard size <= binary.count - binaryOffset else {
            throw OpenInferenceError.wrongData(
                input: input,
                problem: "\"binary_data_size\" is \(size), but only \(binary.count - binaryOffset) bytes are left"
            )
        }
        defer { binaryOffset += size }
        return UnsafeRawBufferPointer(rebasing: binary[binaryOffset..<binaryOffset + size])
    }

    private mutating func shape(owner: @autoclosure () -> String) throws -> [Int] {
        try enterArray("shape", owner: owner())
        var shape: [Int] = []
        var count = 1
        while try reader.nextElement() {
            guard let size = try integer(), size >= 0 else {
                throw OpenInferenceError.wrongMember(
                    "shape",
                    owner: owner(),
                    problem: "holds something other than integers from 0 up"
                )
            }
            guard shape.count < Tensor.rankLimit else {
                throw OpenInferenceError.wrongMember(
                    "shape",
                    owner: owner(),
                    problem: "has more than \(Tensor.rankLimit) dimensions"
                )
            }
            shape.append(size)
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            // The largest element has 8 bytes.
            guard !overflow, product <= Int.max / 8 else {
                throw OpenInferenceError.wrongMember("shape", owner: owner(), problem: "is too large")
            }
            count = product
        }
        return shape
    }

    private mutating func elementType(owner: @autoclosure () -> String) throws -> ElementType {
        let name = try string("datatype", owner: owner())
        guard let elementType = ElementType(name: name) else {
            let known = ElementType.allCases.map(\.name).sorted().joined(separator: " ")
            throw OpenInferenceError.wrongMember(
                "datatype",
                owner: owner(),
                problem: "is \"\(name)\", not one of \(known)"
            )
        }
        return elementType
    }

    private mutating func binaryDataSize(owner: @autoclosure () -> String) throws -> Int? {
        guard try !isNull() else { return nil }
        var size: Int?
        try enterObject("parameters", owner: owner())
        while let member = try reader.nextMember() {
            guard reader.text(at: member, equals: "binary_data_size") else {
                try reader.skip()
                continue
            }
            guard size == nil else { throw twice("binary_data_size", owner()) }
            size = try count("binary_data_size", owner: owner())
        }
        return size
    }

    // MARK: - Outputs and parameters

    private mutating func outputs() throws -> [RequestedOutput] {
        var outputs: [RequestedOutput] = []
        try enterArray("outputs", owner: Self.request)
        while try reader.nextElement() {
            outputs.append(try output(index: outputs.count))
        }
        return outputs
    }

    private mutating func output(index: Int) throws -> RequestedOutput {
        var name: String?
        var binaryData: Bool?
        var classification: Int?
        let owner = "outputs[\(index)]"
        try enterObject("outputs", owner: Self.request)
        while let member = try reader.nextMember() {
            if reader.text(at: member, equals: "name") {
                guard name == nil else { throw twice("name", owner) }
                name = try string("name", owner: owner)
            } else if reader.text(at: member, equals: "parameters"), try !isNull() {
                try enterObject("parameters", owner: owner)
                while let member = try reader.nextMember() {
                    if reader.text(at: member, equals: "binary_data") {
                        binaryData = try boolean("binary_data", owner: owner)
                    } else if reader.text(at: member, equals: "classification") {
                        classification = try count("classification", owner: owner)
                    } else {
                        try reader.skip()
                    }
                }
            } else {
                try reader.skip()
            }
        }
        guard let name else { throw OpenInferenceError.missingMember("name", owner: owner) }
        return RequestedOutput(name: name, binaryData: binaryData, classification: classification)
    }

    private mutating func requestParameters() throws -> JSONObject {
        try expect(.object, "an object", "parameters", Self.request)
        let start = reader.offset
        try reader.skip()
        let bytes = UnsafeRawBufferPointer(rebasing: reader.bytes[start..<reader.offset])
        let value = try JSONValue.parse(buffer: bytes, limits: JSONLimits(bytes: 1 << 20, values: 10_000))
        return value.objectValue ?? JSONObject()
    }

    /// Takes `binary_data_output` out of the parameters, as it has a place of its own.
    private func takeBinaryOutput(_ parameters: inout JSONObject?) throws -> Bool {
        guard let value = parameters?["binary_data_output"] else { return false }
        guard case .boolean(let isBinary) = value else {
            throw OpenInferenceError.wrongMember(
                "binary_data_output",
                owner: Self.request,
                problem: "is not true or false"
            )
        }
        parameters?["binary_data_output"] = nil
        return isBinary
    }

    // MARK: - Values of one kind

    /// Whether null comes next, which is then consumed: for optional members, some clients write it out.
    private mutating func isNull() throws -> Bool {
        guard try reader.peek() == .null else { return false }
        try reader.null()
        return true
    }

    private mutating func expect(
        _ kind: JSONReader.Kind,
        _ words: String,
        _ member: String,
        _ owner: @autoclosure () -> String
    ) throws {
        guard try reader.peek() == kind else {
            throw OpenInferenceError.wrongMember(member, owner: owner(), problem: "is not \(words)")
        }
    }

    private mutating func enterArray(_ member: String, owner: @autoclosure () -> String) throws {
        try expect(.array, "an array", member, owner())
        try reader.enterArray()
    }

    private mutating func enterObject(_ member: String, owner: @autoclosure () -> String) throws {
        try expect(.object, "an object", member, owner())
        try reader.enterObject()
    }

    private mutating func string(_ member: String, owner: @autoclosure () -> String) throws -> String {
        try expect(.string, "a string", member, owner())
        return reader.text(at: try reader.string())
    }

    private mutating func boolean(_ member: String, owner: @autoclosure () -> String) throws -> Bool {
        try expect(.boolean, "true or false", member, owner())
        return try reader.boolean()
    }

    private mutating func count(_ member: String, owner: @autoclosure () -> String) throws -> Int {
        guard let count = try integer(), count >= 0 else {
            throw OpenInferenceError.wrongMember(member, owner: owner(), problem: "is not an integer from 0 up")
        }
        return count
    }

    /// The integer that comes next, or nil for anything else.
    private mutating func integer() throws -> Int? {
        guard try reader.peek() == .number else { return nil }
        let span = try reader.number()
        var scanner = TensorNumberScanner(reader.bytes, at: span.start)
        guard let value: Int = scanner.integer(), scanner.offset == span.end else { return nil }
        return value
    }

    private func twice(_ member: String, _ owner: String) -> OpenInferenceError {
        .wrongMember(member, owner: owner, problem: "stands twice")
    }
}
