internal import Diagnostics
internal import UpdateFramework
internal import WallClock
internal import XML

/// One page of what ListObjectsV2 tells.
struct S3Listing {
    private(set) var files: [StoredFile] = []
    /// For the next page; nil after the last.
    let continuation: String?

    /// - Parameters:
    ///   - place: for messages.
    ///   - prefix: what of the keys is not the path in the repository.
    init(_ body: [UInt8], of place: String, below prefix: String) throws(S3Error) {
        let root: XMLElement
        do throws(XMLError) {
            root = try XMLElement.parse(body, limits: XMLLimits(bytes: 8 << 20, depth: 8, elements: 50_000))
        } catch {
            throw .badAnswer(place, problem: error.message)
        }
        guard root.name == "ListBucketResult" else {
            throw .badAnswer(place, problem: "\(root.name.quotedName) is no listing")
        }
        let isEncoded = root["EncodingType"]?.text == "url"
        for entry in root.all("Contents") {
            guard let text = entry["Key"]?.text, let bytes = entry["Size"].flatMap({ Int($0.text) }), bytes >= 0,
                let modified = entry["LastModified"].flatMap({ Self.time($0.text) }),
                let key = isEncoded ? Self.decoded(text) : text
            else { throw .badAnswer(place, problem: "an entry lacks its key, size or time") }
            // Folders that somebody made by hand end in a slash, and are no files.
            guard key.utf8.starts(with: prefix.utf8), !key.hasSuffix("/") else { continue }
            let path = String(decoding: key.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
            let components = path.split(separator: "/", omittingEmptySubsequences: false)
            let place = RepositoryPath(components: components.map(String.init))
            files.append(StoredFile(path: place, bytes: bytes, modified: modified))
        }
        let isTruncated = root["IsTruncated"]?.text == "true"
        continuation = isTruncated ? root["NextContinuationToken"]?.text : nil
        guard !isTruncated || continuation?.isEmpty == false else {
            throw .badAnswer(place, problem: "a listing goes on, and doesn't say where")
        }
    }

    /// `2026-11-20T12:00:00.000Z`.
    private static func time(_ text: String) -> UTCTime? {
        UTCTime(text.split(separator: ".").first.map { text.contains(".") ? "\($0)Z" : String($0) } ?? "")
    }

    /// Undoes `encoding-type=url`; nil where it can't be.
    static func decoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
