import CommandLine
import Crypto
import Registry

/// How commands are told of private keys.
extension RegistryParameters {
    static let keys = Option.optional(
        "keys",
        .directory.named("KEYDIR"),
        environment: "EDGEPACK_KEYS",
        summary: "folder with the private keys that you hold: NAME.pem, or NAME.exec with a command that signs"
    )
    static let key = Option.repeated(
        "key",
        keySource,
        summary: "a private key to sign with, in a file or behind a command, with or without a folder"
    )
    static let passphraseFile = Option.optional(
        "passphrase-file",
        .path.named("FILE"),
        environment: "EDGEPACK_PASSPHRASE_FILE",
        summary: "file whose first line opens encrypted keys; without it the terminal is asked"
    )
    /// What a command takes that signs.
    static let signing: [any Parameter] = [keys, key, passphraseFile]

    static let keySource = ValueType<KeySource>(
        placeholder: "KEY.pem|exec:COMMAND",
        completion: .files,
        read: { (text: String) throws(InvalidValue) in
            guard !text.isEmpty else { throw InvalidValue(text, "is empty") }
            guard let source = KeySource(text) else { throw InvalidValue(text, "names no command") }
            return source
        },
        show: { $0.text }
    )

    /// The keys that the command line names, with a warning for those that others on this machine can read.
    static func keys(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> KeyFolder {
        let named = arguments.ifDeclared(key) ?? []
        guard arguments[keys] != nil || !named.isEmpty else {
            let isDeclared = arguments.ifDeclared(key) != nil
            throw arguments.usageError(
                "which keys sign is said by --keys KEYDIR\(isDeclared ? " or --key KEY.pem" : "")"
            )
        }
        let keys = KeyFolder(arguments[keys], keys: named, passphrase: Passphrases.source(arguments, terminal))
        for path in try keys.exposed() {
            let mode = path.hasSuffix(".exec") ? "changed by others: chmod go-w" : "read by others: chmod 600"
            terminal.warning("\(path) can be \(mode) \(path)")
        }
        return keys
    }
}

extension RegistryParameters {
    /// The same where keys are not always needed; nil where the command line names none.
    static func keysIfGiven(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> KeyFolder? {
        let isGiven = arguments[keys] != nil || !(arguments.ifDeclared(key) ?? []).isEmpty
        return isGiven ? try keys(arguments, terminal) : nil
    }
}
