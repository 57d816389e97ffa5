extension MetricsExport {
    /// Reads an ExportMetricsServiceRequest in the wire format.
    package init(protobuf bytes: [UInt8], limits: OTLPLimits = OTLPLimits()) throws(OTLPError) {
        var decoder = OTLPDecoder(limits: limits)
        self = try decoder.metrics(bytes)
    }
}

extension OTLPDecoder {
    mutating func metrics(_ bytes: [UInt8]) throws(OTLPError) -> MetricsExport {
        var export = MetricsExport()
        var reader = try reader(bytes)
        while let (field, content) = try reader.next() {
            guard case (1, .data(var inner)) = (field, content) else { continue }
            try count()
            var resource = ResourceMetrics()
            while let (field, content) = try inner.next() {
                switch (field, content) {
                case (1, .data(let reader)): try self.resource(reader, into: &resource.attributes)
                case (2, .data(let reader)): resource.scopes.append(try scopeMetrics(reader))
                default: continue
                }
            }
            export.resources.append(resource)
        }
        return export
    }

    private mutating func scopeMetrics(_ reader: ProtobufReader) throws(OTLPError) -> ScopeMetrics {
        try count()
        var metrics = ScopeMetrics()
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .data(let reader)): try scope(reader, into: &metrics.scope)
            case (2, .data(let reader)): metrics.metrics.append(try metric(reader))
            default: continue
            }
        }
        return metrics
    }

    private mutating func metric(_ reader: ProtobufReader) throws(OTLPError) -> Metric {
        try count()
        var metric = Metric("", .other(points: 0))
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .data(let text)): metric.name = try text.text(limit: limits.textBytes)
            case (2, .data(let text)): metric.description = try text.text(limit: limits.textBytes)
            case (3, .data(let text)): metric.unit = try text.text(limit: limits.textBytes)
            case (5, .data(let data)):
                let series = try series(data) { decoder, reader throws(OTLPError) in try decoder.numberPoint(reader) }
                metric.data = .gauge(series.points)
            case (7, .data(let data)):
                let series = try series(data) { decoder, reader throws(OTLPError) in try decoder.numberPoint(reader) }
                metric.data = .sum(series.points, series.temporality, isMonotonic: series.isMonotonic)
            case (9, .data(let data)):
                let series = try series(data) { decoder, reader throws(OTLPError) in try decoder.histogramPoint(reader)
                }
                metric.data = .histogram(series.points, series.temporality)
            case (10, .data(let data)):
                let series = try series(data) { decoder, reader throws(OTLPError) in
                    try decoder.exponentialPoint(reader)
                }
                metric.data = .exponentialHistogram(series.points, series.temporality)
            case (11, .data(let data)):
                metric.data = .other(points: try series(data) { _, _ throws(OTLPError) in () }.points.count)
            default: continue
            }
        }
        return metric
    }

    /// Gauge, Sum, Histogram, ExponentialHistogram and Summary have the same numbers for the fields that they share.
    private mutating func series<Point>(
        _ reader: ProtobufReader,
        _ point: (inout OTLPDecoder, ProtobufReader) throws(OTLPError) -> Point
    ) throws(OTLPError) -> (points: [Point], temporality: Temporality, isMonotonic: Bool) {
        var points: [Point] = []
        var temporality = Temporality.unspecified
        var isMonotonic = false
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .data(let inner)):
                try count()
                points.append(try point(&self, inner))
            case (2, .varint(let number)):
                temporality = Temporality(rawValue: Int32(truncatingIfNeeded: number)) ?? .unspecified
            case (3, .varint(let number)): isMonotonic = number != 0
            default: continue
            }
        }
        return (points, temporality, isMonotonic)
    }

    private mutating func numberPoint(_ reader: ProtobufReader) throws(OTLPError) -> NumberPoint {
        var point = NumberPoint(PointLabels(), .none)
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (2, .fixed64(let time)): point.labels.start = time
            case (3, .fixed64(let time)): point.labels.time = time
            case (4, .fixed64(let bits)): point.value = .double(Double(bitPattern: bits))
            case (6, .fixed64(let bits)): point.value = .integer(Int64(bitPattern: bits))
            case (7, .data(let attribute)): try append(attribute, to: &point.labels.attributes)
            case (8, .varint(let flags)): point.labels.flags = UInt32(truncatingIfNeeded: flags)
            default: continue
            }
        }
        return point
    }

    private mutating func histogramPoint(_ reader: ProtobufReader) throws(OTLPError) -> HistogramPoint {
        var point = HistogramPoint()
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (2, .fixed64(let time)): point.labels.start = time
            case (3, .fixed64(let time)): point.labels.time = time
            case (4, .fixed64(let count)): point.count = count
            case (5, .fixed64(let bits)): point.sum = Double(bitPattern: bits)
            case (6, let content): try appendFixed(content, to: &point.bucketCounts) { $0 }
            case (7, let content): try appendFixed(content, to: &point.bounds) { Double(bitPattern: $0) }
            case (9, .data(let attribute)): try append(attribute, to: &point.labels.attributes)
            case (10, .varint(let flags)): point.labels.flags = UInt32(truncatingIfNeeded: flags)
            case (11, .fixed64(let bits)): point.min = Double(bitPattern: bits)
            case (12, .fixed64(let bits)): point.max = Double(bitPattern: bits)
            default: continue
            }
        }
        return point
    }

    private mutating func exponentialPoint(_ reader: ProtobufReader) throws(OTLPError) -> ExponentialHistogramPoint {
        var point = ExponentialHistogramPoint()
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .data(let attribute)): try append(attribute, to: &point.labels.attributes)
            case (2, .fixed64(let time)): point.labels.start = time
            case (3, .fixed64(let time)): point.labels.time = time
            case (4, .fixed64(let count)): point.count = count
            case (5, .fixed64(let bits)): point.sum = Double(bitPattern: bits)
            case (6, .varint(let number)): point.scale = signed(number)
            case (7, .fixed64(let count)): point.zeroCount = count
            case (8, .data(let inner)): try buckets(inner, into: &point.positive)
            case (9, .data(let inner)): try buckets(inner, into: &point.negative)
            case (10, .varint(let flags)): point.labels.flags = UInt32(truncatingIfNeeded: flags)
            case (12, .fixed64(let bits)): point.min = Double(bitPattern: bits)
            case (13, .fixed64(let bits)): point.max = Double(bitPattern: bits)
            case (14, .fixed64(let bits)): point.zeroThreshold = Double(bitPattern: bits)
            default: continue
            }
        }
        return point
    }

    private func buckets(
        _ reader: ProtobufReader,
        into buckets: inout ExponentialHistogramPoint.Buckets
    ) throws(OTLPError) {
        var reader = reader
        while let (field, content) = try reader.next() {
            switch (field, content) {
            case (1, .varint(let number)): buckets.offset = signed(number)
            case (2, .varint(let count)): try append(count, to: &buckets.counts)
            case (2, .data(var packed)):
                while !packed.isAtEnd { try append(try packed.varint(), to: &buckets.counts) }
            default: continue
            }
        }
    }

    /// Undoes zigzag.
    private func signed(_ number: UInt64) -> Int32 {
        let bits = UInt32(truncatingIfNeeded: number)
        return Int32(bitPattern: (bits >> 1) ^ (0 &- (bits & 1)))
    }

    /// Repeated fixed64 or double, packed or not.
    private func appendFixed<Element>(
        _ content: ProtobufReader.Content,
        to list: inout [Element],
        _ convert: (UInt64) -> Element
    ) throws(OTLPError) {
        switch content {
        case .fixed64(let bits): try append(convert(bits), to: &list)
        case .data(var packed): while !packed.isAtEnd { try append(convert(try packed.fixed64()), to: &list) }
        case .varint, .fixed32: return
        }
    }

    private func append<Element>(_ element: Element, to list: inout [Element]) throws(OTLPError) {
        guard list.count < limits.buckets else {
            throw .overLimit("a histogram of more buckets", limit: limits.buckets)
        }
        list.append(element)
    }
}
