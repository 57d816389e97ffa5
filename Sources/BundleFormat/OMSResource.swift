package import Digest

/// One signed file: its name in the tree and the SHA-256 of its bytes.
///
/// OMS knows nothing else about a file: not its mode, owner or time. Modes are in the tables of contents, themselves
/// signed files.
package struct OMSResource: Sendable, Equatable {
    /// Relative to the tree, `/` between components. Names are compared as bytes: to Swift two spellings of "é" are one
    /// string, to a file system they are two files.
    package let name: String
    /// The SHA-256 of the content.
    package let digest: SHA256Digest

    /// Takes a name as it is; what signs or reads it checks it.
    package init(name: String, digest: SHA256Digest) {
        self.name = name
        self.digest = digest
    }

    /// True for a name that is a plain relative path: not empty, not absolute, no empty component, `.`, `..` or NUL.
    static func isPlain(_ name: String) -> Bool {
        guard !name.utf8.contains(0) else { return false }
        return name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
    }

    /// True where the name is `path` or lies below it, by whole components.
    func isAtOrBelow(_ path: String) -> Bool {
        guard name.utf8.starts(with: path.utf8) else { return false }
        let rest = name.utf8.dropFirst(path.utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "/")
    }

    package static func == (left: OMSResource, right: OMSResource) -> Bool {
        left.digest == right.digest && left.name.utf8.elementsEqual(right.name.utf8)
    }
}

extension Sequence<OMSResource> {
    /// In code-point order of the whole name (OMS v1.0), which for UTF-8 is the order of bytes.
    func sortedByName() -> [OMSResource] {
        sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// The digest that stands for the whole tree: SHA-256 over the resources' digests as they follow each other.
    var rootDigest: SHA256Digest {
        var hash = SHA256()
        for resource in self { hash.update(resource.digest.bytes) }
        return hash.finalize()
    }
}
