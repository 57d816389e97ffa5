/// What a command line said, read and checked; asked with the declared options and arguments themselves.
package struct ParsedArguments: Sendable {
    /// The names from the program down to the command.
    package let commandPath: [String]
    let values: [String: any Sendable]
    let given: Set<String>

    /// The value of a declared parameter.
    ///
    /// Asking for a parameter that the command does not declare is a bug of the program and traps.
    package subscript<Key: Parameter>(parameter: Key) -> Key.Value {
        guard let stored = values[parameter.definition.label] as? StoredValue<Key.Value> else {
            preconditionFailure("\(commandPath.joined(separator: " ")) does not declare \(parameter.definition.label)")
        }
        return stored.value
    }

    /// The same for what is shared by commands of which some don't declare it: nil there, and where another parameter has
    /// its name.
    package func ifDeclared<Key: Parameter>(_ parameter: Key) -> Key.Value? {
        (values[parameter.definition.label] as? StoredValue<Key.Value>)?.value
    }

    /// Whether the parameter was given, on the command line or in its environment variable.
    package func isGiven(_ parameter: some Parameter) -> Bool {
        given.contains(parameter.definition.label)
    }

    /// A usage error of this command, for rules between parameters: "--port and --socket can't be used together".
    package func usageError(_ reason: String) -> UsageError {
        UsageError(.rule(reason), in: commandPath)
    }

    /// Refuses a command line that gives more than one of these.
    package func refuseTogether(_ parameters: any Parameter...) throws(UsageError) {
        let labels = parameters.map(\.definition.label).filter(given.contains)
        guard labels.count > 1 else { return }
        throw usageError("\(labels.joined(separator: " and ")) can't be used together")
    }
}
