import Diagnostics

/// Walks the messages of an ONNX file and collects what `ONNXModel` tells.
///
/// It goes wherever a tensor can be: initializers, attributes of nodes, their subgraphs, functions and training graphs;
/// data outside of the folder must not hide in any of them.
struct ONNXWalker {
    /// The `external_data` of a tensor.
    struct ExternalTensor {
        var location = ""
        var offset = 0
        /// Nil: up to the end of the file.
        var length: Int?
    }

    /// Subgraphs within subgraphs; ONNX Runtime's own checker gives up long before.
    private static let depthLimit = 32

    private let bytes: UnsafeRawBufferPointer
    private let path: String
    private(set) var irVersion: Int64 = 0
    private(set) var operatorSets: [ONNXModel.OperatorSet] = []
    private(set) var inputs: [ModelValue] = []
    private(set) var outputs: [ModelValue] = []
    /// Names of the main graph's initializers, as bytes.
    private(set) var initializerNames: Set<[UInt8]> = []
    private(set) var tensorStarts: [Int] = []
    private(set) var externalTensors: [ExternalTensor] = []

    init(_ bytes: UnsafeRawBufferPointer, path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// ModelProto.
    mutating func walkModel() throws(ModelError) {
        var reader = ModelProtobufReader(bytes, path: path)
        var hasGraph = false
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .integer(let value)): irVersion = Int64(bitPattern: value)
            case (7, .bytes(let range)):
                guard !hasGraph else { throw reader.malformed("a second graph begins", at: field.offset) }
                hasGraph = true
                try walkGraph(range, depth: 0)
            case (8, .bytes(let range)): operatorSets.append(try operatorSet(range))
            case (20, .bytes(let range)): try walkTrainingInfo(range)
            case (25, .bytes(let range)): try walkFunction(range)
            case (1, _), (7, _), (8, _), (20, _), (25, _): throw wrongType(field)
            default: break
            }
        }
        guard irVersion > 0, hasGraph, !operatorSets.isEmpty else {
            let missing = irVersion <= 0 ? "IR version" : hasGraph ? "operator set" : "graph"
            throw reader.malformed("the model has no \(missing)", at: bytes.count)
        }
    }

    /// TrainingInfoProto: two graphs.
    private mutating func walkTrainingInfo(_ range: Range<Int>) throws(ModelError) {
        var reader = reader(range)
        while let field = try reader.next() {
            guard case (1...2, .bytes(let range)) = (field.number, field.value) else { continue }
            try walkGraph(range, depth: 1)
        }
    }

    /// FunctionProto: nodes.
    private mutating func walkFunction(_ range: Range<Int>) throws(ModelError) {
        var reader = reader(range)
        while let field = try reader.next() {
            guard case (7, .bytes(let range)) = (field.number, field.value) else { continue }
            try walkNode(range, depth: 1)
        }
    }

    /// GraphProto; the main graph is at depth 0.
    private mutating func walkGraph(_ range: Range<Int>, depth: Int) throws(ModelError) {
        var reader = reader(range)
        guard depth <= ONNXWalker.depthLimit else {
            let problem = "graphs are nested deeper than \(ONNXWalker.depthLimit) levels"
            throw reader.malformed(problem, at: range.lowerBound)
        }
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): try walkNode(range, depth: depth)
            case (5, .bytes(let range)):
                let name = try walkTensor(range)
                if depth == 0, let name { initializerNames.insert(Array(bytes[name])) }
            case (11, .bytes(let range)): if depth == 0 { inputs.append(try value(range)) }
            case (12, .bytes(let range)): if depth == 0 { outputs.append(try value(range)) }
            case (15, .bytes(let range)):
                let name = try walkSparseTensor(range)
                if depth == 0, let name { initializerNames.insert(Array(bytes[name])) }
            case (1, _), (5, _), (11, _), (12, _), (15, _): throw wrongType(field)
            default: break
            }
        }
    }

    /// NodeProto: attributes.
    private mutating func walkNode(_ range: Range<Int>, depth: Int) throws(ModelError) {
        var reader = reader(range)
        while let field = try reader.next() {
            guard case (5, .bytes(let range)) = (field.number, field.value) else { continue }
            try walkAttribute(range, depth: depth)
        }
    }

    /// AttributeProto: `t`, `g`, `tensors`, `graphs`, `sparse_tensor`, `sparse_tensors`.
    private mutating func walkAttribute(_ range: Range<Int>, depth: Int) throws(ModelError) {
        var reader = reader(range)
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (5, .bytes(let range)), (10, .bytes(let range)): _ = try walkTensor(range)
            case (6, .bytes(let range)), (11, .bytes(let range)): try walkGraph(range, depth: depth + 1)
            case (22, .bytes(let range)), (23, .bytes(let range)): _ = try walkSparseTensor(range)
            default: break
            }
        }
    }

    /// SparseTensorProto: values and indices. Returns where the values' name is, which is the tensor's.
    private mutating func walkSparseTensor(_ range: Range<Int>) throws(ModelError) -> Range<Int>? {
        var reader = reader(range)
        var name: Range<Int>?
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): name = try walkTensor(range)
            case (2, .bytes(let range)): _ = try walkTensor(range)
            default: break
            }
        }
        return name
    }

    /// TensorProto: notes where large data begins and what lies in other files. Returns where the name is.
    private mutating func walkTensor(_ range: Range<Int>) throws(ModelError) -> Range<Int>? {
        var reader = reader(range)
        var name: Range<Int>?
        var external: ExternalTensor?
        var isExternal = false
        while let field = try reader.next() {
            switch (field.number, field.value) {
            // raw_data, and the packed numbers of float_data, int32_data, int64_data, double_data, uint64_data.
            case (4, .bytes(let data)), (5, .bytes(let data)), (7, .bytes(let data)), (9, .bytes(let data)),
                (10, .bytes(let data)), (11, .bytes(let data)):
                if data.count >= ONNXModel.largeTensorBytes { tensorStarts.append(data.lowerBound) }
            case (8, .bytes(let range)): name = range
            case (13, .bytes(let range)):
                var tensor = external ?? ExternalTensor()
                try readExternal(range, into: &tensor)
                external = tensor
            case (14, .integer(let location)): isExternal = location == 1
            case (8, _), (13, _), (14, _): throw wrongType(field)
            default: break
            }
        }
        if isExternal || external != nil {
            guard let external, !external.location.isEmpty else {
                throw reader.malformed("a tensor with external data names no file", at: range.lowerBound)
            }
            externalTensors.append(external)
        }
        return name
    }

    /// StringStringEntryProto of `external_data`: `location`, `offset`, `length`; `checksum` is not used by anyone.
    private func readExternal(_ range: Range<Int>, into tensor: inout ExternalTensor) throws(ModelError) {
        var reader = reader(range)
        var key = ""
        var value = ""
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): key = try text(range)
            case (2, .bytes(let range)): value = try text(range)
            default: break
            }
        }
        switch key {
        case "location": tensor.location = value
        case "offset", "length":
            // Both together stay far from overflowing.
            guard let number = Int(value), (0...(1 << 60)).contains(number) else {
                throw reader.malformed("the \(key) of external data is no number of bytes", at: range.lowerBound)
            }
            if key == "offset" { tensor.offset = number } else { tensor.length = number }
        default: break
        }
    }

    private func operatorSet(_ range: Range<Int>) throws(ModelError) -> ONNXModel.OperatorSet {
        var reader = reader(range)
        var domain = ""
        var version: Int64 = 0
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): domain = try text(range)
            case (2, .integer(let value)): version = Int64(bitPattern: value)
            default: break
            }
        }
        return ONNXModel.OperatorSet(domain: domain, version: version)
    }

    /// ValueInfoProto.
    private func value(_ range: Range<Int>) throws(ModelError) -> ModelValue {
        var reader = reader(range)
        var name = ""
        var type: ONNXValueType?
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): name = try text(range)
            case (2, .bytes(let range)): type = try ONNXValueType(bytes, path: path, range: range)
            default: break
            }
        }
        guard !name.isEmpty else { throw reader.malformed("an input or output has no name", at: range.lowerBound) }
        guard let type else {
            throw reader.malformed("the input or output \(name.quotedName) has no type", at: range.lowerBound)
        }
        return ModelValue(name: name, datatype: type.datatype, shape: type.shape)
    }

    private func text(_ range: Range<Int>) throws(ModelError) -> String {
        try bytes.text(at: range, path: path)
    }

    private func reader(_ range: Range<Int>) -> ModelProtobufReader {
        ModelProtobufReader(bytes, path: path, range: range)
    }

    private func wrongType(_ field: ModelProtobufReader.Field) -> ModelError {
        .malformed(path: path, format: "ONNX", offset: field.offset, problem: "a field has the wrong wire type")
    }
}

extension UnsafeRawBufferPointer {
    /// A name or path of at most 4 KiB.
    func text(at range: Range<Int>, path: String) throws(ModelError) -> String {
        func malformed(_ problem: String) -> ModelError {
            .malformed(path: path, format: "ONNX", offset: range.lowerBound, problem: problem)
        }
        guard range.count <= 4096 else { throw malformed("a name has more than 4096 bytes") }
        guard let text = String(validating: self[range], as: UTF8.self) else {
            throw malformed("a name is not UTF-8")
        }
        return text
    }
}
