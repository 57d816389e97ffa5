internal import FileSystem

extension Updater {
    /// 5.7: fetches a target's file to `path`, whole and checked, or leaves what is there. False where it was there already.
    ///
    /// - Parameter source: the base of the targets.
    package func download(
        _ target: FoundTarget,
        from source: any RepositoryTransport,
        to path: String
    ) throws -> Bool {
        if try holds(path, target) { return false }
        let file = try AtomicFile(at: path)
        try receive(target, from: source) { try file.write($0) }
        try file.commit()
        return true
    }

    /// 5.7 without keeping anything: throws unless the repository has the target's file as it is listed.
    package func check(_ target: FoundTarget, at source: any RepositoryTransport) throws {
        try receive(target, from: source) { _ in }
    }

    /// A target's file in memory.
    ///
    /// - Parameter limitBytes: refuse a longer one before anything is fetched.
    package func contents(
        of target: FoundTarget,
        from source: any RepositoryTransport,
        limitBytes: Int
    ) throws -> [UInt8] {
        guard target.file.length <= limitBytes else {
            throw UpdateError.tooLarge(file: target.path.text, limitBytes: limitBytes)
        }
        var contents: [UInt8] = []
        try receive(target, from: source) { contents.append(contentsOf: $0) }
        return contents
    }

    /// Hands over the bytes as they come; they may be used once this has returned.
    private func receive(
        _ target: FoundTarget,
        from source: any RepositoryTransport,
        _ take: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let (file, hashes) = (target.file, target.file.hashes)
        guard let prefix = hashes.fileNamePrefix else { throw UpdateError.noKnownHash(file: target.path.text) }
        var checker = FileChecker(target.path.text, length: file.length, hashes: hashes)
        let path = target.path.repositoryPath(hashPrefix: trusted.root.consistentSnapshot ? prefix : nil)
        do {
            try source.fetch(path, limitBytes: file.length) { bytes in
                try checker.update(bytes)
                try take(bytes)
            }
        } catch TransportError.notFound {
            throw UpdateError.missing(file: path.description)
        } catch TransportError.tooLarge {
            throw UpdateError.tooLarge(file: target.path.text, limitBytes: file.length)
        }
        try checker.finish()
    }

    /// Whether the file is there as the target is listed.
    private func holds(_ path: String, _ target: FoundTarget) throws -> Bool {
        guard target.file.hashes.hasKnownKind, let status = try FileSystem.status(of: path), status.kind == .regular,
            status.size == target.file.length
        else { return false }
        let file = try File.open(path)
        var checker = FileChecker(path, length: target.file.length, hashes: target.file.hashes)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        do {
            while case let count = try file.read(into: buffer), count > 0 {
                try checker.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
            }
            try checker.finish()
        } catch is UpdateError {
            return false
        }
        return true
    }
}
