package import Digest

/// What an agent may ask a launcher for: a closed list of things, none of which is a command or a path to write to.
///
/// The launcher makes the command line, the environment and every path itself; of the store it knows from its own command
/// line. With a request go two descriptors: the socket that the runtime listens for its control on (`serve`) or the pipe
/// that takes its record (`check`), and the file that takes what it prints.
package struct LaunchRequest: Hashable, Sendable {
    package enum Kind: String, Sendable {
        /// `edgeruntime serve`: stays, and serves once it is told to.
        case serve
        /// `edgeruntime check`: answers the samples, prints its record and ends.
        case check
    }

    package enum Slot: String, Sendable {
        case blue, green
    }

    /// What the acceptance set of an endpoint is, by names in the store.
    package struct Acceptance: Hashable, Sendable {
        /// Below the store's verified documents, such as `acceptance/digits/1.json`.
        package let document: String
        /// Of the content that holds the records.
        package let data: SHA256Digest

        package init(document: String, data: SHA256Digest) {
            self.document = document
            self.data = data
        }
    }

    package let kind: Kind
    package let endpoint: String
    package let slot: Slot
    /// The generation that is served: the store has a folder of this name.
    package let bundle: SHA256Digest
    /// Absolute paths of files to use in place of those that the runtime finds itself.
    package var python: String?
    package var onnxRuntime: String?
    /// Of `check` alone.
    package var acceptance: Acceptance?
    /// The most that the runtime and its workers may use together.
    package var memoryLimitBytes: Int?
    /// Layers without which the runtime must not start.
    package var required: Set<ContainmentLayer>

    /// - Throws: `badRequest` where the endpoint's name is none.
    package init(
        _ kind: Kind,
        endpoint: String,
        slot: Slot,
        bundle: SHA256Digest,
        required: Set<ContainmentLayer> = []
    ) throws(LaunchError) {
        guard Self.isName(endpoint) else { throw .badRequest("\(endpoint.debugDescription) is no name of an endpoint") }
        self.kind = kind
        self.endpoint = endpoint
        self.slot = slot
        self.bundle = bundle
        self.required = required
    }

    /// As an endpoint's name is spelled everywhere: lower case letters, digits, `.`, `_` and `-` between letters or digits.
    static func isName(_ text: String) -> Bool {
        let isOuter = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard (1...64).contains(text.utf8.count), let first = text.utf8.first, let last = text.utf8.last,
            isOuter(first), isOuter(last)
        else { return false }
        return text.utf8.allSatisfy { isOuter($0) || "._-".utf8.contains($0) }
    }

    /// An absolute path without empty parts, `.` and `..`, or anything that is no plain character.
    static func isPlainPath(_ path: String) -> Bool {
        path.utf8.first == UInt8(ascii: "/") && isPlainRelativePath(String(path.dropFirst())) && path.utf8.count < 1024
    }

    static func isPlainRelativePath(_ path: String) -> Bool {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return path.utf8.count < 1024 && path.utf8.allSatisfy { $0 > 0x1F && $0 != 0x7F }
            && parts.allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }
    }
}
