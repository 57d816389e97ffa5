internal import Crypto
internal import Diagnostics
internal import Processes

/// A program that keeps a key and signs with it, such as a wrapper around a smart card or a key management service.
///
/// `COMMAND public` prints the public key as PEM; `COMMAND sign` gets the message on its standard input and prints the
/// signature, nothing else: ECDSA as ASN.1 DER, Ed25519 as 64 bytes, RSA as PSS. It has no terminal, and this program's
/// environment. What it prints is believed only as far as it verifies.
struct SigningCommand {
    let words: [String]

    /// Long enough for somebody to touch a token, or to enter a PIN in a window of the command's own.
    var deadline = Duration.seconds(120)
    static let outputLimitBytes = 64 * 1024

    private var name: String { words.joined(separator: " ") }

    func publicKey() throws -> PublicKey {
        let answer = try run("public", input: [])
        do {
            return try PublicKey(pem: answer.output, source: "the output of `\(name) public`")
        } catch {
            throw KeyError.commandAnswer(command: "\(name) public", reason: error.message, words: answer.words)
        }
    }

    func sign(_ message: [UInt8], as expected: PublicKey) throws -> [UInt8] {
        let answer = try run("sign", input: message)
        guard expected.verify(signature: answer.output, message: message) else {
            let bytes = answer.output.count
            let found = bytes == 0 ? "it printed nothing" : "its \(bytes) bytes are not this key's signature of it"
            throw KeyError.commandAnswer(command: "\(name) sign", reason: found, words: answer.words)
        }
        return answer.output
    }

    private func run(_ verb: String, input: [UInt8]) throws -> (output: [UInt8], words: String) {
        let environment = Processes.inheritedEnvironment()
        guard let first = words.first, let program = Processes.find(first, in: environment["PATH"] ?? "") else {
            throw KeyError.commandMissing(command: words.first ?? "")
        }
        let result: ProcessResult
        do {
            result = try Processes.run(
                program,
                arguments: Array(words.dropFirst()) + [verb],
                environment: environment,
                input: input,
                outputLimitBytes: Self.outputLimitBytes,
                deadline: deadline
            )
        } catch {
            throw KeyError.commandFailed(command: "\(name) \(verb)", reason: error.message, words: "")
        }
        let words = String(result.errorText.suffix(2000)).trimmed
        guard result.isSuccess else {
            throw KeyError.commandFailed(command: "\(name) \(verb)", reason: "\(result.status)", words: words)
        }
        return (result.standardOutput, words)
    }
}

extension String {
    fileprivate var trimmed: String {
        let end = lastIndex { !$0.isWhitespace }.map { index(after: $0) } ?? startIndex
        return String(self[..<end].drop(while: \.isWhitespace))
    }
}
