/// Reads what boxes and other exporters send, within limits.
///
/// As the wire format has it: fields of unknown number or another wire type are skipped, of a field that stands twice
/// the last counts, the parts of a message that stands twice are joined, and repeated numbers may be packed or not.
struct OTLPDecoder {
    let limits: OTLPLimits
    private var valuesLeft: Int

    init(limits: OTLPLimits) {
        self.limits = limits
        valuesLeft = limits.values
    }

    /// A reader of a whole message.
    func reader(_ bytes: [UInt8]) throws(OTLPError) -> ProtobufReader {
        guard bytes.count <= limits.bytes else {
            throw .overLimit("a message of \(bytes.count) bytes", limit: limits.bytes)
        }
        return ProtobufReader(bytes)
    }

    /// Has one more value counted.
    mutating func count() throws(OTLPError) {
        guard valuesLeft > 0 else { throw .overLimit("too many values", limit: limits.values) }
        valuesLeft -= 1
    }

    // MARK: Values

    mutating func append(_ reader: ProtobufReader, to list: inout [TelemetryAttribute]) throws(OTLPError) {
        try append(reader, to: &list, depth: 0)
    }

    private mutating func append(
        _ reader: ProtobufReader,
        to list: inout [TelemetryAttribute],
        depth: Int
    ) throws(OTLPError) {
        guard list.count < limits.attributes else {
            throw .overLimit("a list of more attributes", limit: limits.attributes)
        }
        try count()
        var attribute = TelemetryAttribute("", .empty)
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .data(let text)): attribute.key = try text.text(limit: limits.textBytes)
            case (2, .data(let value)): attribute.value = try self.value(value, depth: depth)
            default: continue
            }
        }
        list.append(attribute)
    }

    /// AnyValue. The depth is bounded, so this can't exhaust the stack.
    mutating func value(_ reader: ProtobufReader, depth: Int = 0) throws(OTLPError) -> TelemetryValue {
        guard depth < limits.depth else { throw .overLimit("values nested deeper", limit: limits.depth) }
        try count()
        var value = TelemetryValue.empty
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .data(let text)): value = .string(try text.text(limit: limits.textBytes))
            case (2, .varint(let number)): value = .boolean(number != 0)
            case (3, .varint(let number)): value = .integer(Int64(bitPattern: number))
            case (4, .fixed64(let bits)): value = .double(Double(bitPattern: bits))
            case (5, .data(let array)): value = .array(try values(array, depth: depth + 1))
            case (6, .data(let map)): value = .map(try attributes(map, depth: depth + 1))
            case (7, .data(let bytes)):
                guard bytes.count <= limits.textBytes else {
                    throw .overLimit("a value of \(bytes.count) bytes", limit: limits.textBytes)
                }
                value = .bytes(Array(bytes.rest))
            default: continue
            }
        }
        return value
    }

    private mutating func values(_ reader: ProtobufReader, depth: Int) throws(OTLPError) -> [TelemetryValue] {
        var values: [TelemetryValue] = []
        var reader = reader
        while let (field, content) = try reader.next() {
            if case (1, .data(let element)) = (field, content) { values.append(try value(element, depth: depth)) }
        }
        return values
    }

    private mutating func attributes(_ reader: ProtobufReader, depth: Int) throws(OTLPError) -> [TelemetryAttribute] {
        var list: [TelemetryAttribute] = []
        var reader = reader
        while let (field, content) = try reader.next() {
            if case (1, .data(let attribute)) = (field, content) {
                try append(attribute, to: &list, depth: depth)
            }
        }
        return list
    }

    // MARK: What both kinds of export have

    /// Resource.
    mutating func resource(_ reader: ProtobufReader, into list: inout [TelemetryAttribute]) throws(OTLPError) {
        var reader = reader
        while let (field, content) = try reader.next() {
            if case (1, .data(let attribute)) = (field, content) { try append(attribute, to: &list) }
        }
    }

    /// InstrumentationScope.
    mutating func scope(_ reader: ProtobufReader, into scope: inout TelemetryScope) throws(OTLPError) {
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .data(let text)): scope.name = try text.text(limit: limits.textBytes)
            case (2, .data(let text)): scope.version = try text.text(limit: limits.textBytes)
            case (3, .data(let attribute)): try append(attribute, to: &scope.attributes)
            default: continue
            }
        }
    }

    /// The response of either service.
    mutating func response(_ bytes: [UInt8]) throws(OTLPError) -> ExportResponse {
        var response = ExportResponse()
        var reader = try reader(bytes)
        while let (field, content) = try reader.next() {
            guard case (1, .data(var partial)) = (field, content) else { continue }
            while let (field, content) = try partial.next() {
                switch (field, content) {
                case (1, .varint(let number)): response.rejected = Int64(bitPattern: number)
                case (2, .data(let text)): response.problem = try text.text(limit: limits.textBytes)
                default: continue
                }
            }
        }
        return response
    }
}

extension ExportResponse {
    /// Reads the response of either service in the wire format.
    package init(protobuf bytes: [UInt8], limits: OTLPLimits = OTLPLimits()) throws(OTLPError) {
        var decoder = OTLPDecoder(limits: limits)
        self = try decoder.response(bytes)
    }
}
