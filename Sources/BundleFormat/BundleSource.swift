package import BundleManifest

/// A file that goes into a bundle.
package struct SourceFile: Sendable {
    package enum Content: Sendable {
        /// A regular file on this machine.
        case file(String)
        /// Bytes made by the packager.
        case bytes([UInt8])
    }

    /// Relative to its component.
    package let path: BundlePath
    package let isExecutable: Bool
    package let content: Content
    /// Offsets at which a new chunk begins, rising: the starts of large tensors, so that a changed one is fetched alone.
    package let cuts: [Int]

    package init(path: BundlePath, isExecutable: Bool = false, content: Content, cuts: [Int] = []) {
        self.path = path
        self.isExecutable = isExecutable
        self.content = content
        self.cuts = cuts
    }

    /// The sizes of the chunks that a file of `size` bytes is cut into: at `cuts`, and every 1 MiB from there.
    func chunkSizes(of size: Int) -> [Int] {
        var sizes: [Int] = []
        var start = 0
        for boundary in cuts.filter({ (1..<max(size, 1)).contains($0) }) + [size] {
            while start < boundary {
                let length = min(boundary - start, TableOfContents.chunkLimit)
                sizes.append(length)
                start += length
            }
        }
        return sizes
    }
}

/// What a bundle is made of: the files of each component. A component without files is left out.
package struct BundleSource: Sendable {
    package var components: [ComponentName: [SourceFile]]

    package init(components: [ComponentName: [SourceFile]] = [:]) { self.components = components }

    /// The components that have files, in archive order, with their files in the order of their paths.
    var ordered: [(name: ComponentName, files: [SourceFile])] {
        ComponentName.allCases.compactMap { name in
            guard let files = components[name], !files.isEmpty else { return nil }
            return (name, files.sorted { $0.path < $1.path })
        }
    }
}
