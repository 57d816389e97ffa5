import CommandLine
import Crypto
import UpdateFramework

/// A public key as a command line names it: `FILE.pub`, or `NAME=FILE.pub` with the name of whoever holds the other half.
struct PublicKeyFile: Sendable {
    let owner: String?
    let path: String

    /// Nil for an empty name or path.
    init?(_ text: String) {
        if let split = text.firstIndex(of: "="), MetadataKey.isOwner(String(text[..<split])) {
            owner = String(text[..<split])
            path = String(text[text.index(after: split)...])
        } else {
            owner = nil
            path = text
        }
        guard !path.isEmpty else { return nil }
    }

    var text: String { owner.map { "\($0)=\(path)" } ?? path }

    func publicKey() throws -> PublicKey { try KeyFile.readPublic(path) }

    func key() throws -> MetadataKey { try MetadataKey(try publicKey(), owner: owner) }

    static let value = ValueType<PublicKeyFile>(
        placeholder: "[NAME=]FILE.pub",
        completion: .files,
        read: { (text: String) throws(InvalidValue) in
            guard let file = PublicKeyFile(text) else {
                throw InvalidValue(text, "is neither FILE.pub nor NAME=FILE.pub")
            }
            return file
        },
        show: { $0.text }
    )
}
