/// How a tree differs from what was signed; each list in the order of names.
package struct OMSDifferences: Sendable, Equatable {
    /// Signed, but not in the tree.
    package var missing: [String] = []
    /// In the tree, but not signed.
    package var extra: [String] = []
    /// In both, with other bytes.
    package var changed: [String] = []

    /// True where the tree is exactly what was signed.
    package var isEmpty: Bool { missing.isEmpty && extra.isEmpty && changed.isEmpty }

    /// The first few of each kind, for one line of text.
    package var summary: String {
        let parts = [("changed", changed), ("missing", missing), ("not signed", extra)]
        return parts.filter { !$0.1.isEmpty }.map { kind, names in
            let more = names.count > 3 ? " and \(names.count - 3) more" : ""
            return "\(kind): \(names.prefix(3).map(quoted).joined(separator: ", "))\(more)"
        }.joined(separator: "; ")
    }
}

extension OMSStatement {
    /// Compares a tree's files with the signed ones.
    ///
    /// A signer can leave files unsigned by listing them in `ignore_paths`; an installed scoring script among them would
    /// be anybody's. So this throws `OMSError.ignoresPaths` for any beyond the four that the format always ignores, the
    /// signature's own name, and what the caller names.
    ///
    /// - Parameters:
    ///   - tree: every regular file of the tree, in any order. The caller has refused links and special files.
    ///   - signatureName: the signature's own name where it lies in the tree.
    ///   - permittedIgnoredPaths: further unsigned names or folders that the caller accepts.
    package func differences(
        from tree: [OMSResource],
        signatureName: String? = nil,
        permittedIgnoredPaths: [String] = []
    ) throws(OMSError) -> OMSDifferences {
        let alwaysIgnored = OMSStatement.defaultIgnoredPaths + [signatureName].compactMap(\.self)
        let permitted = Set((alwaysIgnored + permittedIgnoredPaths).map { Array($0.utf8) })
        let refused = ignoredPaths.filter { !permitted.contains(Array($0.utf8)) }
        guard refused.isEmpty else { throw .ignoresPaths(source: source, paths: refused) }
        let ignored = alwaysIgnored + ignoredPaths
        let found = tree.filter { resource in !ignored.contains(where: resource.isAtOrBelow) }
        return OMSStatement.differences(signed: resources.sortedByName(), found: found.sortedByName())
    }

    /// Throws `OMSError.treeDiffers` unless the tree is exactly what was signed; parameters as for `differences`.
    package func requireMatch(
        _ tree: [OMSResource],
        signatureName: String? = nil,
        permittedIgnoredPaths: [String] = []
    ) throws(OMSError) {
        let differences = try differences(
            from: tree,
            signatureName: signatureName,
            permittedIgnoredPaths: permittedIgnoredPaths
        )
        guard differences.isEmpty else { throw .treeDiffers(source: source, differences) }
    }

    /// Walks both lists, sorted by name, side by side.
    private static func differences(signed: [OMSResource], found: [OMSResource]) -> OMSDifferences {
        var differences = OMSDifferences()
        var left = signed[...]
        var right = found[...]
        while let one = left.first, let other = right.first {
            if one.name.utf8.elementsEqual(other.name.utf8) {
                if one.digest != other.digest { differences.changed.append(one.name) }
                left.removeFirst()
                right.removeFirst()
            } else if one.name.utf8.lexicographicallyPrecedes(other.name.utf8) {
                differences.missing.append(one.name)
                left.removeFirst()
            } else {
                differences.extra.append(other.name)
                right.removeFirst()
            }
        }
        differences.missing += left.map(\.name)
        differences.extra += right.map(\.name)
        return differences
    }
}
