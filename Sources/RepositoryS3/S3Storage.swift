internal import FileSystem
internal import Glibc
internal import HTTPClient
package import UpdateFramework
package import WallClock
internal import XML

/// A repository in an S3-compatible object store. What a web server would serve of a folder, a bucket serves as it stands:
/// keys are paths, behind the location's prefix.
///
/// Files that must not be there yet are written with `If-None-Match: *`, the timestamp in the place of the one that was
/// read with `If-Match`; the store sees to it that of several writers one succeeds.
package final class S3Storage: RepositoryStorage {
    package let location: S3Location
    let client: S3Client
    let partBytes: Int
    private let listedFiles: Int

    /// The most of a listing that is read at once: 1,000 keys of 1,024 bytes, each byte encoded.
    private static let listingLimit = 8 << 20

    /// - Parameters:
    ///   - clock: the time, which every signature holds.
    ///   - pause: waits so long before a request is sent again.
    package init(
        _ location: S3Location,
        _ configuration: S3Configuration,
        clock: @escaping () -> UTCTime = { UTCTime(seconds: Int64(time(nil))) },
        pause: @escaping (Duration) -> Void = { usleep(UInt32($0 / .microseconds(1))) }
    ) throws {
        self.location = location
        partBytes = max(1, configuration.partBytes)
        listedFiles = configuration.listedFiles
        client = try S3Client(configuration, bucket: location.bucket, clock: clock, pause: pause)
    }

    package var name: String { location.description }

    /// The key of a file; throws where it can't have one of its own.
    func key(_ path: RepositoryPath) throws(S3Error) -> String {
        guard let relative = path.filePath, (location.keyPrefix + relative).utf8.count <= 1_024 else {
            throw .badKey(path.description)
        }
        return location.keyPrefix + relative
    }
}

// MARK: reading

extension S3Storage {
    package func files(below folder: String) throws -> [StoredFile] {
        try list("\(location.keyPrefix)\(folder)/").sorted {
            $0.path.components.lexicographicallyPrecedes($1.path.components)
        }
    }

    package func status(of path: RepositoryPath) throws -> StoredFile? {
        // Unlike HEAD, whose errors have no body, a listing says what is wrong; the file is the first below its own name.
        try list(try key(path), isWhole: false).first { $0.path == path }
    }

    private func list(_ prefix: String, isWhole: Bool = true) throws -> [StoredFile] {
        var found: [StoredFile] = []
        var continuation: String?
        while true {
            var request = S3Client.Request(operation: "list")
            request.query = [("list-type", "2"), ("prefix", prefix), ("encoding-type", "url")]
            request.query.append(("max-keys", "\(isWhole ? listedFiles : 1)"))
            if let continuation { request.query.append(("continuation-token", continuation)) }
            var body: [UInt8] = []
            let answer = try client.send(request, limitBytes: Self.listingLimit) { body.append(contentsOf: $0) }
            if let failure = answer.failure { throw rejected(nil, failure) }
            let listing = try S3Listing(body, of: name, below: location.keyPrefix)
            found += listing.files
            guard isWhole, let next = listing.continuation else { return found }
            continuation = next
        }
    }

    package func read(_ path: RepositoryPath, limitBytes: Int) throws -> [UInt8]? {
        try get(path, limitBytes: limitBytes)?.bytes
    }

    /// A file's bytes, and by what the store knows that they are still these.
    func get(_ path: RepositoryPath, limitBytes: Int) throws -> (bytes: [UInt8], tag: String?)? {
        let key = try key(path)
        var bytes: [UInt8] = []
        let request = S3Client.Request(key: key, operation: "read")
        let answer = try client.send(request, limitBytes: limitBytes) { bytes.append(contentsOf: $0) }
        guard let failure = answer.failure else { return (bytes, answer.headers["etag"]) }
        if failure.status == 404 { return nil }
        throw rejected(key, failure)
    }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        // A name that can be no key names nothing.
        guard let key = try? key(path) else { throw TransportError.notFound(path.description) }
        let request = S3Client.Request(key: key, operation: "read")
        let place = client.place(of: key)
        let answer: S3Client.Answer
        do {
            answer = try client.send(request, limitBytes: limitBytes, receive: receive)
        } catch let error as S3Error {
            switch error {
            case .tooLarge: throw TransportError.tooLarge(place, limitBytes: limitBytes)
            case .busy(_, let reason): throw TransportError.unavailable(place, reason: reason, retryAfter: nil)
            default: throw error
            }
        }
        guard let failure = answer.failure else { return }
        if failure.status == 404 { throw TransportError.notFound(place) }
        throw rejected(key, failure)
    }

    func rejected(_ key: String?, _ failure: S3Client.Failure) -> S3Error {
        .rejected(client.place(of: key), status: failure.status, code: failure.code, message: failure.message)
    }
}

// MARK: writing

extension S3Storage {
    package func create(_ bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        try write(bytes, at: path, condition: ("If-None-Match", "*"))
    }

    package func replace(_ old: [UInt8]?, with bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        guard let old else { return try create(bytes, at: path) }
        let present: (bytes: [UInt8], tag: String?)?
        do {
            present = try get(path, limitBytes: old.count)
        } catch let error as S3Error {
            // A file that is larger than the expected one is another.
            guard case .tooLarge = error else { throw error }
            return false
        }
        guard let present, present.bytes == old else { return false }
        guard let tag = present.tag else { throw S3Error.noConditionalWrites(name) }
        return try write(bytes, at: path, condition: ("If-Match", tag))
    }

    /// Writes a file on a condition; false where it isn't so.
    ///
    /// The condition may be unmet by this very request, which was sent before and whose answer never came: then exactly
    /// these bytes are there. Of two who write the same bytes at once, both are right.
    private func write(
        _ bytes: [UInt8],
        at path: RepositoryPath,
        condition: (name: String, value: String)
    ) throws -> Bool {
        let key = try key(path)
        let headers = [condition] + path.storedHeaders
        let request = S3Client.Request(method: .put, key: key, headers: headers, body: bytes, operation: "write")
        let answer = try client.send(request)
        guard let failure = answer.failure else { return true }
        // 404: what was to be replaced is gone.
        guard failure.status == 412 || failure.status == 404 else { throw rejected(key, failure) }
        do {
            return try read(path, limitBytes: bytes.count) == bytes
        } catch let error as S3Error {
            guard case .tooLarge = error else { throw error }
            return false
        }
    }

    /// Throws `noConditionalWrites` where the store takes a second writer's file for one that must not be there. To be asked
    /// before a repository is made there.
    package func requireConditionalWrites() throws {
        let probe = RepositoryPath(components: ["probe-\(String(UInt64.random(in: .min ... .max), radix: 36))"])
        defer { try? remove(probe) }
        guard try create([1], at: probe), try !create([2], at: probe), try read(probe, limitBytes: 1) == [1],
            try !write([3], at: probe, condition: ("If-Match", "\"0123456789abcdef0123456789abcdef\""))
        else { throw S3Error.noConditionalWrites(name) }
    }

    package func remove(_ path: RepositoryPath) throws {
        let key = try key(path)
        let answer = try client.send(S3Client.Request(method: .delete, key: key, operation: "remove"))
        if let failure = answer.failure, failure.status != 404 { throw rejected(key, failure) }
    }
}

extension RepositoryPath {
    /// What a store is to say with a file when it is fetched. Files that are written once may be kept by every cache for
    /// good; the timestamp, and proposals, which others add signatures to, never without asking.
    var storedHeaders: [(name: String, value: String)] {
        let name = components.last ?? ""
        let isReplaced = components == ["metadata", "timestamp.json"] || components.first == "proposals"
        return [
            ("Cache-Control", isReplaced ? "no-cache" : "public, max-age=31536000, immutable"),
            ("Content-Type", name.hasSuffix(".json") ? "application/json" : "application/octet-stream"),
        ]
    }
}
