import CommandLine
import Glibc
import HTTPClient
import Processes
import Registry
import RepositoryHTTP
import RepositoryS3
import UpdateFramework
import WallClock

/// Where a repository is, as whoever types a command names it.
enum RepositoryPlace: Sendable, CustomStringConvertible {
    case folder(String)
    case objectStore(S3Location)
    /// To be read only; without a slash at its end.
    case url(String)

    var description: String {
        switch self {
        case .folder(let path): path
        case .objectStore(let location): location.description
        case .url(let url): url
        }
    }

    /// For commands that write.
    static let writable = type(placeholder: "REPO") { (text: String) throws(InvalidValue) in
        if text.hasPrefix("http://") || text.hasPrefix("https://") {
            throw InvalidValue(text, "can only be read; name the repository's folder, or s3://BUCKET/PREFIX")
        }
        return try folderOrObjectStore(text)
    }

    /// For commands that only read.
    static let readable = type(placeholder: "REPO") { (text: String) throws(InvalidValue) in
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else { return try folderOrObjectStore(text) }
        var url = text
        while url.hasSuffix("/") { url.removeLast() }
        return .url(url)
    }

    private static func type(
        placeholder: String,
        read: @escaping @Sendable (String) throws(InvalidValue) -> RepositoryPlace
    ) -> ValueType<RepositoryPlace> {
        ValueType(
            placeholder: placeholder,
            sample: "s3://BUCKET/PREFIX",
            completion: .directories,
            read: read,
            show: { $0.description }
        )
    }

    private static func folderOrObjectStore(_ text: String) throws(InvalidValue) -> RepositoryPlace {
        guard !text.isEmpty else { throw InvalidValue(text, "is empty") }
        guard text.hasPrefix("s3://") else { return .folder(text) }
        guard let location = S3Location(text) else {
            let rule = "BUCKET has 3 to 63 lowercase letters, digits, '.' and '-', PREFIX no empty part, '.' or '..'"
            throw InvalidValue(text, "is not s3://BUCKET/PREFIX, where \(rule)")
        }
        return .objectStore(location)
    }

    /// To write to. A URL has none: no command that writes takes one.
    func storage() throws -> any RepositoryStorage {
        switch self {
        case .folder(let path): RepositoryDirectory(path)
        case .objectStore(let location): try Self.s3Storage(location)
        case .url(let url): throw RegistryError.contradiction("\(url) can only be read")
        }
    }

    /// To make a repository in. An object store has to show first that it keeps writers from overwriting each other.
    func storageForNew() throws -> any RepositoryStorage {
        guard case .objectStore(let location) = self else { return try storage() }
        let storage = try Self.s3Storage(location)
        try storage.requireConditionalWrites()
        return storage
    }

    /// To read from.
    func source() throws -> RepositorySource {
        guard case .url(let url) = self else { return RepositorySource(try storage()) }
        return RepositorySource(name: url, transport: HTTPTransport(url, try HTTPClient()))
    }

    static func s3Storage(_ location: S3Location) throws -> S3Storage {
        let configuration = try S3Configuration(environment: Processes.inheritedEnvironment())
        return try S3Storage(location, configuration)
    }
}

extension Registry {
    init(opening place: RepositoryPlace, keys: KeyFolder? = nil, now: UTCTime) throws {
        try self.init(opening: try place.storage(), keys: keys, now: now)
    }
}
