internal import Crypto
internal import JSON
internal import Synchronization
internal import UpdateFramework

/// The keys that scripts sign with, made anew by every process: what they are changes nothing.
final class ScriptedKeys: Sendable {
    static let count = 6
    /// Once: making them is slow.
    static let made = ScriptedKeys()

    let ids: [String]
    /// The key objects as text.
    let objects: [[UInt8]]
    let signers: [PrivateKeySigner]
    /// Most of a script is as it was one input before, and signing takes longer than all else.
    private let signatures = Mutex<[Signed: String]>([:])

    private struct Signed: Hashable {
        let message: [UInt8]
        let signer: Int
    }

    private init() {
        signers = (0..<Self.count).map { _ in
            guard let key = try? PrivateKey.generate(), let signer = try? PrivateKeySigner(key) else {
                preconditionFailure("no key can be made")
            }
            return signer
        }
        ids = signers.map(\.key.id)
        objects = signers.map { $0.key.json.compactBytes() }
    }

    /// As hexadecimal digits.
    func signature(of message: [UInt8], by signer: Int) -> String? {
        let signed = Signed(message: message, signer: signer)
        if let known = signatures.withLock({ $0[signed] }) { return known }
        guard let bytes = try? signers[signer].sign(message) else { return nil }
        let digits = Array("0123456789abcdef")
        let text = String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        signatures.withLock { known in
            if known.count >= 4_096 { known = [:] }
            known[signed] = text
        }
        return text
    }
}
