/// An option or argument as a command declares it; `ParsedArguments` is asked with the same value that was declared.
package protocol Parameter<Value>: Sendable {
    associatedtype Value: Sendable
    /// What parsing, help, completions and manuals need to know.
    var definition: ParameterDefinition { get }
}

/// One option or argument without its Swift type.
package struct ParameterDefinition: Sendable {
    package enum Role: Sendable, Equatable {
        /// `--name`, no value.
        case flag
        /// `--name VALUE`.
        case option
        /// A word of its own, found by its place.
        case argument
    }

    package enum Arity: Sendable, Equatable {
        /// Exactly once.
        case required
        /// At most once.
        case optional
        /// As often as wanted, but at least this often.
        case repeated(minimum: Int)
    }

    package let role: Role
    package let arity: Arity
    /// Without dashes for options; the placeholder for arguments.
    package let name: String
    /// The letter of the short form.
    package let short: Character?
    package let placeholder: String
    package let summary: String
    /// Bounds or choices.
    package let note: String?
    /// A sample of the notation.
    package let sample: String?
    /// The default as it would be typed.
    package let defaultText: String?
    /// The environment variable that is read where the option is not given.
    package let environment: String?
    package let completion: ValueCompletion
    /// Turns the words given (in order, maybe none) into a `StoredValue` of the declared type.
    let store: @Sendable ([String]) throws(InvalidValue) -> any Sendable

    /// How the parameter is called in messages: `--port` or `PROJECT`.
    package var label: String { role == .argument ? name : "--\(name)" }
}

/// Boxes a value, so that a declared `Int?` that is nil survives being stored as `any Sendable`.
struct StoredValue<Value: Sendable>: Sendable {
    let value: Value
}

/// A flag or an option with a value, written `--name`, `--name VALUE`, `--name=VALUE`, `-n VALUE` or `-nVALUE`.
package struct Option<Value: Sendable>: Parameter {
    package let definition: ParameterDefinition

    private init<Element: Sendable>(
        _ name: String,
        short: Character?,
        type: ValueType<Element>,
        arity: ParameterDefinition.Arity,
        defaultText: String?,
        environment: String?,
        summary: String,
        store: @escaping @Sendable ([Element]) -> Value?
    ) {
        definition = ParameterDefinition(
            role: .option,
            arity: arity,
            name: name,
            short: short,
            placeholder: type.placeholder,
            summary: summary,
            note: type.note,
            sample: type.sample,
            defaultText: defaultText,
            environment: environment,
            completion: type.completion,
            store: storing(type, name: name, store)
        )
    }

    /// An option that has a value even where it is not given: the default, which help prints.
    package init(
        _ name: String,
        short: Character? = nil,
        _ type: ValueType<Value>,
        default defaultValue: Value,
        environment: String? = nil,
        summary: String
    ) {
        let defaultText = type.show(defaultValue)
        self.init(
            name,
            short: short,
            type: type,
            arity: .optional,
            defaultText: defaultText,
            environment: environment,
            summary: summary,
            store: { $0.first ?? defaultValue }
        )
    }

    /// An option that must be given, here or in its environment variable.
    package static func required(
        _ name: String,
        short: Character? = nil,
        _ type: ValueType<Value>,
        environment: String? = nil,
        summary: String
    ) -> Self {
        Self(
            name,
            short: short,
            type: type,
            arity: .required,
            defaultText: nil,
            environment: environment,
            summary: summary,
            store: { $0.first }
        )
    }

    /// An option that may be left out.
    package static func optional<Wrapped: Sendable>(
        _ name: String,
        short: Character? = nil,
        _ type: ValueType<Wrapped>,
        environment: String? = nil,
        summary: String
    ) -> Self where Value == Wrapped? {
        Self(
            name,
            short: short,
            type: type,
            arity: .optional,
            defaultText: nil,
            environment: environment,
            summary: summary,
            store: { .some($0.first) }
        )
    }

    /// An option that may be given several times; the values keep their order.
    package static func repeated<Element: Sendable>(
        _ name: String,
        short: Character? = nil,
        _ type: ValueType<Element>,
        summary: String
    ) -> Self where Value == [Element] {
        Self(
            name,
            short: short,
            type: type,
            arity: .repeated(minimum: 0),
            defaultText: nil,
            environment: nil,
            summary: summary,
            store: { $0 }
        )
    }
}

extension Option where Value == Bool {
    private init(definition: ParameterDefinition) { self.definition = definition }

    /// An option without a value; its environment variable, if any, says 1, true, 0 or false.
    package static func flag(
        _ name: String,
        short: Character? = nil,
        environment: String? = nil,
        summary: String
    ) -> Self {
        Self(
            definition: ParameterDefinition(
                role: .flag,
                arity: .optional,
                name: name,
                short: short,
                placeholder: "",
                summary: summary,
                note: nil,
                sample: nil,
                defaultText: nil,
                environment: environment,
                completion: .nothing,
                store: { (texts: [String]) throws(InvalidValue) in
                    guard let text = texts.first else { return StoredValue(value: false) }
                    switch text {
                    case "1", "true": return StoredValue(value: true)
                    case "0", "false", "": return StoredValue(value: false)
                    default: throw InvalidValue(text, "is not one of 1, true, 0, false")
                    }
                }
            )
        )
    }
}

/// A word of its own, found by its place.
package struct Argument<Value: Sendable>: Parameter {
    package let definition: ParameterDefinition

    private init<Element: Sendable>(
        _ name: String,
        type: ValueType<Element>,
        arity: ParameterDefinition.Arity,
        defaultText: String?,
        summary: String,
        store: @escaping @Sendable ([Element]) -> Value?
    ) {
        definition = ParameterDefinition(
            role: .argument,
            arity: arity,
            name: name,
            short: nil,
            placeholder: name,
            summary: summary,
            note: type.note,
            sample: type.sample,
            defaultText: defaultText,
            environment: nil,
            completion: type.completion,
            store: storing(type, name: name, store)
        )
    }

    /// An argument that must be given.
    package init(_ name: String, _ type: ValueType<Value>, summary: String) {
        self.init(name, type: type, arity: .required, defaultText: nil, summary: summary) { $0.first }
    }

    /// An argument that has a value even where it is not given.
    package init(_ name: String, _ type: ValueType<Value>, default defaultValue: Value, summary: String) {
        let defaultText = type.show(defaultValue)
        self.init(name, type: type, arity: .optional, defaultText: defaultText, summary: summary) {
            $0.first ?? defaultValue
        }
    }

    /// An argument that may be left out.
    package static func optional<Wrapped: Sendable>(
        _ name: String,
        _ type: ValueType<Wrapped>,
        summary: String
    ) -> Self where Value == Wrapped? {
        Self(name, type: type, arity: .optional, defaultText: nil, summary: summary) { .some($0.first) }
    }

    /// All words that are left; only the last argument of a command can be so.
    package static func repeated<Element: Sendable>(
        _ name: String,
        _ type: ValueType<Element>,
        minimum: Int = 0,
        summary: String
    ) -> Self where Value == [Element] {
        Self(name, type: type, arity: .repeated(minimum: minimum), defaultText: nil, summary: summary) { $0 }
    }
}

/// Reads every word with the type and packs the result; nil from `pack` means that a required value is not there.
private func storing<Element: Sendable, Value: Sendable>(
    _ type: ValueType<Element>,
    name: String,
    _ pack: @escaping @Sendable ([Element]) -> Value?
) -> @Sendable ([String]) throws(InvalidValue) -> any Sendable {
    { (texts: [String]) throws(InvalidValue) in
        var elements: [Element] = []
        for text in texts { elements.append(try type.read(text)) }
        guard let value = pack(elements) else { throw InvalidValue("", "is missing") }
        return StoredValue(value: value)
    }
}
