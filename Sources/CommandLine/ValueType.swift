import Diagnostics

/// How the words of one option or argument become a value: how it is read, shown, bounded and completed.
package struct ValueType<Value: Sendable>: Sendable {
    /// What stands for the value in usage lines, in capitals.
    package let placeholder: String
    /// The bounds or choices, printed in parentheses after the summary.
    package let note: String?
    /// A sample of the notation, printed where no default shows it.
    package let sample: String?
    /// What a shell offers for it.
    package let completion: ValueCompletion
    /// Reads one word.
    package let read: @Sendable (String) throws(InvalidValue) -> Value
    /// Writes a value so that `read` gives it back; defaults are printed so.
    package let show: @Sendable (Value) -> String

    package init(
        placeholder: String,
        note: String? = nil,
        sample: String? = nil,
        completion: ValueCompletion = .nothing,
        read: @escaping @Sendable (String) throws(InvalidValue) -> Value,
        show: @escaping @Sendable (Value) -> String
    ) {
        self.placeholder = placeholder
        self.note = note
        self.sample = sample
        self.completion = completion
        self.read = read
        self.show = show
    }

    /// The same type under another placeholder: `.text.named("NAME")`.
    package func named(_ placeholder: String) -> Self {
        Self(placeholder: placeholder, note: note, sample: sample, completion: completion, read: read, show: show)
    }
}

/// Why a word is not a value.
package struct InvalidValue: Error, Equatable {
    /// The word.
    package let text: String
    /// The end of a sentence about it: "is not a whole number".
    package let reason: String
    /// What was probably meant.
    package let nearest: String?

    package init(_ text: String, _ reason: String, nearest: String? = nil) {
        self.text = text
        self.reason = reason
        self.nearest = nearest
    }
}

/// What a shell offers where a value is typed.
package enum ValueCompletion: Sendable, Equatable {
    case nothing
    case files
    case directories
    case choices([String])
}

extension ValueType where Value == String {
    /// Any text that is not empty.
    package static var text: Self { text(placeholder: "TEXT", completion: .nothing) }
    /// A path of a file or folder; nothing is looked up.
    package static var path: Self { text(placeholder: "PATH", completion: .files) }
    /// A path of a folder; nothing is looked up.
    package static var directory: Self { text(placeholder: "DIR", completion: .directories) }

    private static func text(placeholder: String, completion: ValueCompletion) -> Self {
        Self(
            placeholder: placeholder,
            completion: completion,
            read: { (text: String) throws(InvalidValue) in
                guard !text.isEmpty else { throw InvalidValue(text, "is empty") }
                return text
            },
            show: { $0 }
        )
    }
}

extension ValueType where Value == Int {
    /// A whole number within bounds.
    package static func integer(in bounds: ClosedRange<Int> = Int.min...Int.max) -> Self {
        Self(
            placeholder: "N",
            note: boundsNote(lower: bounds.lowerBound, upper: bounds.upperBound) { String($0) },
            read: { (text: String) throws(InvalidValue) in
                guard let value = Int(text) else { throw InvalidValue(text, "is not a whole number") }
                guard bounds.contains(value) else { throw InvalidValue(text, outside(bounds) { String($0) }) }
                return value
            },
            show: { String($0) }
        )
    }

    /// A number of bytes: `64MiB`, `1.5GB`, `1048576`.
    package static func bytes(in bounds: ClosedRange<Int> = 0...Int.max) -> Self {
        let show: @Sendable (Int) -> String = { Quantity.exact(bytes: $0) }
        // No size is below zero, and that it is not zero needs no saying.
        let lower = bounds.lowerBound <= 1 ? Int.min : bounds.lowerBound
        return Self(
            placeholder: "SIZE",
            note: boundsNote(lower: lower, upper: bounds.upperBound, show),
            sample: "64MiB",
            read: { (text: String) throws(InvalidValue) in
                let value = try quantity(text, Quantity.bytes(from:))
                guard bounds.contains(value) else { throw InvalidValue(text, outside(bounds, show)) }
                return value
            },
            show: show
        )
    }
}

extension ValueType where Value == Double {
    /// A finite decimal number within bounds.
    package static func number(
        in bounds: ClosedRange<Double> = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    ) -> Self {
        Self(
            placeholder: "NUMBER",
            note: bounds.upperBound < .greatestFiniteMagnitude ? "\(bounds.lowerBound) to \(bounds.upperBound)" : nil,
            read: { (text: String) throws(InvalidValue) in
                // Double() also reads "nan", "inf" and hexadecimal floats, which nobody means on a command line.
                let decimal = text.allSatisfy { $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }
                guard decimal, let value = Double(text), value.isFinite else {
                    throw InvalidValue(text, "is not a number")
                }
                guard bounds.contains(value) else { throw InvalidValue(text, outside(bounds) { "\($0)" }) }
                return value
            },
            show: { "\($0)" }
        )
    }
}

extension ValueType where Value == Duration {
    /// A duration with its unit: `250ms`, `30s`, `5m`.
    package static func duration(in bounds: ClosedRange<Duration> = .zero ... .seconds(Int32.max)) -> Self {
        Self(
            placeholder: "DURATION",
            sample: "30s",
            read: { (text: String) throws(InvalidValue) in
                let value = try quantity(text, Quantity.duration(from:))
                guard bounds.contains(value) else {
                    throw InvalidValue(text, outside(bounds) { Quantity.exact($0) })
                }
                return value
            },
            show: { Quantity.exact($0) }
        )
    }
}

extension ValueType where Value: CaseIterable & RawRepresentable & Sendable, Value.RawValue == String {
    /// One of an enum's raw values.
    package static var choice: Self { choice(of: Array(Value.allCases)) }

    /// One of these cases.
    package static func choice(of cases: [Value]) -> Self {
        let names = cases.map(\.rawValue)
        return Self(
            placeholder: "CHOICE",
            note: names.joined(separator: ", "),
            completion: .choices(names),
            read: { (text: String) throws(InvalidValue) in
                guard let value = Value(rawValue: text), names.contains(text) else {
                    let nearest = NearestName.nearest(to: text, among: names)
                    throw InvalidValue(text, "is not one of \(names.joined(separator: ", "))", nearest: nearest)
                }
                return value
            },
            show: { $0.rawValue }
        )
    }
}

private func outside<Bound>(_ bounds: ClosedRange<Bound>, _ show: (Bound) -> String) -> String {
    "is not between \(show(bounds.lowerBound)) and \(show(bounds.upperBound))"
}

/// "1 to 65535", "1 or more", or nothing where there is no bound to tell.
private func boundsNote(lower: Int, upper: Int, _ show: (Int) -> String) -> String? {
    switch (lower, upper) {
    case (Int.min, Int.max): nil
    case (_, Int.max): "\(show(lower)) or more"
    case (Int.min, _): "at most \(show(upper))"
    default: "\(show(lower)) to \(show(upper))"
    }
}

private func quantity<Value>(
    _ text: String,
    _ read: (String) throws(Quantity.Malformed) -> Value
) throws(InvalidValue) -> Value {
    do { return try read(text) } catch { throw InvalidValue(text, error.reason) }
}
