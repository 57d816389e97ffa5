/// A place in an object store: `s3://BUCKET/PREFIX`.
package struct S3Location: Sendable, Equatable, CustomStringConvertible {
    package let bucket: String
    /// Without slashes at its ends; may be empty.
    package let prefix: String

    package init(bucket: String, prefix: String) {
        self.bucket = bucket
        self.prefix = prefix
    }

    /// From `s3://BUCKET`, `s3://BUCKET/PREFIX`, with or without a slash at the end. Nil where the bucket can't be one (3 to
    /// 63 lowercase letters, digits, dots and hyphens), or the prefix has an empty part, `.`, `..` or control characters.
    package init?(_ text: String) {
        guard text.hasPrefix("s3://") else { return nil }
        var rest = text.dropFirst(5)
        while rest.hasSuffix("/") { rest.removeLast() }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
        guard let bucket = parts.first, (3...63).contains(bucket.utf8.count) else { return nil }
        let isBucket = bucket.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        let isPrefix = parts.dropFirst().allSatisfy { part in
            !["", ".", ".."].contains(part) && part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        }
        guard isBucket, isPrefix, parts.dropFirst().joined(separator: "/").utf8.count <= 512 else { return nil }
        self.init(bucket: String(bucket), prefix: parts.dropFirst().joined(separator: "/"))
    }

    package var description: String { prefix.isEmpty ? "s3://\(bucket)" : "s3://\(bucket)/\(prefix)" }

    /// What all keys of the repository begin with.
    var keyPrefix: String { prefix.isEmpty ? "" : "\(prefix)/" }
}
