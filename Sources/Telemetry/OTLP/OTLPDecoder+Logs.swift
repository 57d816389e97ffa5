extension LogsExport {
    /// Reads an ExportLogsServiceRequest in the wire format.
    package init(protobuf bytes: [UInt8], limits: OTLPLimits = OTLPLimits()) throws(OTLPError) {
        var decoder = OTLPDecoder(limits: limits)
        self = try decoder.logs(bytes)
    }
}

extension OTLPDecoder {
    mutating func logs(_ bytes: [UInt8]) throws(OTLPError) -> LogsExport {
        var export = LogsExport()
        var reader = try reader(bytes)
        while let (field, content) = try reader.next() {
            guard case (1, .data(var inner)) = (field, content) else { continue }
            try count()
            var resource = ResourceLogs()
            while let (field, content) = try inner.next() {
                switch (field, content) {
                case (1, .data(let reader)): try self.resource(reader, into: &resource.attributes)
                case (2, .data(let reader)): resource.scopes.append(try scopeLogs(reader))
                default: continue
                }
            }
            export.resources.append(resource)
        }
        return export
    }

    private mutating func scopeLogs(_ reader: ProtobufReader) throws(OTLPError) -> ScopeLogs {
        try count()
        var logs = ScopeLogs()
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .data(let reader)): try scope(reader, into: &logs.scope)
            case (2, .data(let reader)): logs.records.append(try record(reader))
            default: continue
            }
        }
        return logs
    }

    private mutating func record(_ reader: ProtobufReader) throws(OTLPError) -> LogRecord {
        try count()
        var record = LogRecord()
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .fixed64(let time)): record.time = time
            case (2, .varint(let number)): record.severity = LogSeverity(Int32(truncatingIfNeeded: number))
            case (3, .data(let text)): record.severityText = try text.text(limit: limits.textBytes)
            case (5, .data(let body)): record.body = try value(body)
            case (6, .data(let attribute)): try append(attribute, to: &record.attributes)
            case (11, .fixed64(let time)): record.observed = time
            case (12, .data(let text)): record.eventName = try text.text(limit: limits.textBytes)
            default: continue
            }
        }
        return record
    }
}
