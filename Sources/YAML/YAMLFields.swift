import Diagnostics

/// Reads a mapping of a configuration file key by key, and in the end refuses the keys that nobody asked for.
///
/// A key with the value null counts as absent. Not for use from several threads.
package final class YAMLFields {
    private let entries: [YAMLEntry]
    /// The keys from the top down to this mapping: "environment", or "" at the top.
    private let path: String
    /// Where the mapping starts.
    package let position: YAMLPosition
    /// Every key that was asked for, in that order: what the file may say.
    private var known: [String] = []

    /// Throws when the node is no mapping.
    package init(_ node: YAMLNode, path: String = "") throws(YAMLError) {
        guard let entries = node.mapping else {
            throw YAMLError.wrongType(node.position, path: path, expected: "a mapping", found: node.kind)
        }
        self.entries = entries
        self.path = path
        self.position = node.position
    }

    // MARK: Values

    /// The value of a key, or nil where it is absent or null.
    package func nodeIfPresent(_ key: String) -> YAMLNode? {
        if !known.contains(key) { known.append(key) }
        guard let node = entries.first(where: { $0.key == key })?.value, !node.isNull else { return nil }
        return node
    }

    /// Whether a key is there with nothing behind it.
    package func isNull(_ key: String) -> Bool { entries.first { $0.key == key }?.value.isNull == true }

    /// The text of a scalar, as written: `version: 1.10` is "1.10".
    package func stringIfPresent(_ key: String) throws(YAMLError) -> String? {
        try read(key, expected: "a text") { $0.string }
    }

    /// A whole number within bounds.
    package func integerIfPresent(_ key: String, in bounds: ClosedRange<Int>) throws(YAMLError) -> Int? {
        try bounded(key, try read(key, expected: "a whole number") { $0.integer }, bounds) { "\($0)" }
    }

    /// A finite number within bounds.
    package func numberIfPresent(_ key: String, in bounds: ClosedRange<Double>) throws(YAMLError) -> Double? {
        try bounded(key, try read(key, expected: "a number") { $0.number() }, bounds) { "\($0)" }
    }

    /// `true` or `false`.
    package func booleanIfPresent(_ key: String) throws(YAMLError) -> Bool? {
        try read(key, expected: "true or false") { $0.boolean }
    }

    /// A number of bytes within bounds: `64MiB`, `1.5GB`, `1048576`.
    package func bytesIfPresent(_ key: String, in bounds: ClosedRange<Int>) throws(YAMLError) -> Int? {
        try bounded(key, try quantity(key, Quantity.bytes(from:)), bounds) { Quantity.exact(bytes: $0) }
    }

    /// A duration within bounds: `250ms`, `30s`, `5m`.
    package func durationIfPresent(_ key: String, in bounds: ClosedRange<Duration>) throws(YAMLError) -> Duration? {
        try bounded(key, try quantity(key, Quantity.duration(from:)), bounds) { Quantity.exact($0) }
    }

    /// One of an enum's raw values.
    package func choiceIfPresent<Choice: CaseIterable & RawRepresentable<String>>(
        _ key: String,
        _ type: Choice.Type
    ) throws(YAMLError) -> Choice? {
        guard let text = try stringIfPresent(key) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let names = Choice.allCases.map(\.rawValue)
        let nearest = NearestName.nearest(to: text, among: names)
        let reason = "'\(text)' is not one of \(names.joined(separator: ", "))"
        throw invalid(key, reason, hint: nearest.map { "did you mean \"\($0)\"?" })
    }

    /// The texts of a list; a single text counts as a list of one.
    package func stringsIfPresent(_ key: String) throws(YAMLError) -> [String]? {
        guard let node = nodeIfPresent(key) else { return nil }
        var strings: [String] = []
        for element in node.sequence ?? [node] {
            guard let string = element.string else {
                let expected = node.sequence == nil ? "a list of texts" : "a text"
                throw wrongType(element, path: full(key), expected: expected)
            }
            strings.append(string)
        }
        return strings
    }

    /// The texts of a mapping with free keys, in the order of the file.
    package func stringMapIfPresent(_ key: String) throws(YAMLError) -> [(key: String, value: String)]? {
        guard let entries = try entriesIfPresent(key) else { return nil }
        var pairs: [(key: String, value: String)] = []
        for entry in entries {
            guard let text = entry.value.string else {
                throw wrongType(entry.value, path: "\(full(key)).\(entry.key)", expected: "a text")
            }
            pairs.append((entry.key, text))
        }
        return pairs
    }

    /// The fields of a mapping below.
    package func fieldsIfPresent(_ key: String) throws(YAMLError) -> YAMLFields? {
        guard let node = nodeIfPresent(key) else { return nil }
        return try YAMLFields(node, path: full(key))
    }

    /// The mappings of a mapping with free keys, in the order of the file.
    package func fieldsByNameIfPresent(_ key: String) throws(YAMLError) -> [(name: String, fields: YAMLFields)]? {
        guard let entries = try entriesIfPresent(key) else { return nil }
        var result: [(name: String, fields: YAMLFields)] = []
        for entry in entries {
            result.append((entry.key, try YAMLFields(entry.value, path: "\(full(key)).\(entry.key)")))
        }
        return result
    }

    private func entriesIfPresent(_ key: String) throws(YAMLError) -> [YAMLEntry]? {
        guard let node = nodeIfPresent(key) else { return nil }
        guard let entries = node.mapping else { throw wrongType(node, path: full(key), expected: "a mapping") }
        return entries
    }

    // MARK: Errors

    /// The key from the top of the file: `environment.python`.
    package func full(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// Refuses keys that no call asked for; call it when all reading is done.
    package func refuseUnknown() throws(YAMLError) {
        guard let unknown = entries.first(where: { !known.contains($0.key) }) else { return }
        let nearest = NearestName.nearest(to: unknown.key, among: known)
        throw YAMLError.unknownKey(unknown.keyPosition, path: full(unknown.key), nearest: nearest, known: known)
    }

    /// An error about the value of a key, for rules that only the caller knows.
    package func invalid(_ key: String, _ reason: String, hint: String? = nil) -> YAMLError {
        let entry = entries.first { $0.key == key }
        return .invalidValue(entry?.value.position ?? position, path: full(key), reason: reason, hint: hint)
    }

    /// An error about a key that is not there; where one is there that nobody asked for and that looks like a slip of
    /// it, about that one. Of a key such as `model.path` the first word is looked for here.
    package func missing(_ key: String) -> YAMLError {
        let wanted = String(key.prefix { $0 != "." })
        let slip = entries.first { entry in
            !known.contains(entry.key) && NearestName.nearest(to: entry.key, among: [wanted]) != nil
        }
        guard let slip else { return .missingKey(position, path: full(key)) }
        return .unknownKey(slip.keyPosition, path: full(slip.key), nearest: wanted, known: [])
    }

    private func wrongType(_ node: YAMLNode, path: String, expected: String) -> YAMLError {
        .wrongType(node.position, path: path, expected: expected, found: node.kind)
    }

    // MARK: Reading

    private func read<Value>(
        _ key: String,
        expected: String,
        _ convert: (YAMLNode) -> Value?
    ) throws(YAMLError) -> Value? {
        guard let node = nodeIfPresent(key) else { return nil }
        guard let value = convert(node) else { throw wrongType(node, path: full(key), expected: expected) }
        return value
    }

    private func quantity<Value>(
        _ key: String,
        _ convert: (String) throws(Quantity.Malformed) -> Value
    ) throws(YAMLError) -> Value? {
        guard let text = try stringIfPresent(key) else { return nil }
        do { return try convert(text) } catch { throw invalid(key, "'\(text)' \(error.reason)") }
    }

    private func bounded<Value: Comparable>(
        _ key: String,
        _ value: Value?,
        _ bounds: ClosedRange<Value>,
        _ show: (Value) -> String
    ) throws(YAMLError) -> Value? {
        guard let value, !bounds.contains(value) else { return value }
        let range = "between \(show(bounds.lowerBound)) and \(show(bounds.upperBound))"
        throw invalid(key, "\(show(value)) is not \(range)")
    }
}

/// The same values where they must be there.
extension YAMLFields {
    /// A text that must be there.
    package func string(_ key: String) throws(YAMLError) -> String {
        try required(key, try stringIfPresent(key))
    }

    /// A whole number that must be there.
    package func integer(_ key: String, in bounds: ClosedRange<Int>) throws(YAMLError) -> Int {
        try required(key, try integerIfPresent(key, in: bounds))
    }

    /// A number that must be there.
    package func number(_ key: String, in bounds: ClosedRange<Double>) throws(YAMLError) -> Double {
        try required(key, try numberIfPresent(key, in: bounds))
    }

    /// `true` or `false`, which must be there.
    package func boolean(_ key: String) throws(YAMLError) -> Bool {
        try required(key, try booleanIfPresent(key))
    }

    /// A number of bytes that must be there.
    package func bytes(_ key: String, in bounds: ClosedRange<Int>) throws(YAMLError) -> Int {
        try required(key, try bytesIfPresent(key, in: bounds))
    }

    /// A duration that must be there.
    package func duration(_ key: String, in bounds: ClosedRange<Duration>) throws(YAMLError) -> Duration {
        try required(key, try durationIfPresent(key, in: bounds))
    }

    /// A choice that must be made.
    package func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ key: String,
        _ type: Choice.Type
    ) throws(YAMLError) -> Choice {
        try required(key, try choiceIfPresent(key, type))
    }

    /// A list of texts that must be there.
    package func strings(_ key: String) throws(YAMLError) -> [String] {
        try required(key, try stringsIfPresent(key))
    }

    /// A mapping that must be there.
    package func fields(_ key: String) throws(YAMLError) -> YAMLFields {
        try required(key, try fieldsIfPresent(key))
    }

    private func required<Value>(_ key: String, _ value: Value?) throws(YAMLError) -> Value {
        guard let value else { throw missing(key) }
        return value
    }
}
