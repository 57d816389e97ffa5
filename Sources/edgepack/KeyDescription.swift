import BundleFormat
import CommandLine
import Crypto
import JSON
import UpdateFramework

/// What a key is called, by people and in what it signs.
struct KeyDescription {
    let key: PublicKey
    /// Nil for a kind that signs no metadata.
    let metadataKey: MetadataKey?
    let hint: String

    init(_ key: PublicKey, owner: String?) {
        self.key = key
        metadataKey = try? MetadataKey(key, owner: owner)
        hint = OMSSignature.hint(of: key)
    }

    var json: JSONObject {
        var object: JSONObject = ["kind": .string(key.kind.name), "hint": .string(hint)]
        if let metadataKey {
            object["keyID"] = .string(metadataKey.id)
            if let owner = metadataKey.owner { object["owner"] = .string(owner) }
        }
        return object
    }

    func tell(_ terminal: Terminal) {
        terminal.notice("kind    \(key.kind.name)")
        terminal.notice("key id  \(metadataKey?.id ?? "none: such keys sign no metadata")")
        terminal.notice("hint    \(hint)")
    }
}
