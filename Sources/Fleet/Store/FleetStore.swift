internal import Deployment
internal import FileSystem
internal import FleetProtocol
internal import JSON
internal import SQLite
internal import WallClock

/// The fleet's database: one connection to `fleet.db`. Not for two threads at once; several may be open, in several
/// processes. What a method has returned from writing is on disk.
package final class FleetStore {
    let database: Database
    package let folder: FleetFolder

    /// Opens the database of a folder; makes folder and database where they are missing, and brings an older one to
    /// today's version. Throws ``SQLiteError``, ``FileError`` and ``FleetStoreError/newerSchema(path:found:known:)``.
    package convenience init(folder: FleetFolder) throws { try self.init(folder: folder, options: .init()) }

    init(folder: FleetFolder, options: Database.Options) throws {
        try folder.make()
        self.folder = folder
        // SQLite would make it readable as the umask says.
        if try FileSystem.status(of: folder.database) == nil {
            _ = try File.openForUpdate(folder.database, mode: 0o600)
            try FileSystem.synchronizeDirectory(folder.path)
        }
        database = try Database(folder.database, options: options)
        try FleetSchema.prepare(database)
    }

    /// Changes when another connection has committed; what this one writes leaves it alone.
    package var dataVersion: Int { get throws { try database.dataVersion } }

    /// Bytes on disk, with the write-ahead log.
    package func size() throws -> Int {
        try ["", "-wal"].reduce(0) { sum, end in
            sum + (try FileSystem.status(of: folder.database + end)?.size ?? 0)
        }
    }

    /// Lets go of the file. Nothing may be asked afterwards.
    package func close() { database.close() }
}

/// How labels and attributes stand in a column.
enum StoredLabels {
    private static let limits = JSONLimits(bytes: 1 << 20, depth: 2, values: 5_000)

    static func text(_ labels: [String: String]) -> String {
        if labels.isEmpty { return "{}" }
        return String(decoding: JSONValue.labels(labels).compactBytes(), as: UTF8.self)
    }

    static func labels(_ text: String) throws -> [String: String] {
        if text == "{}" { return [:] }
        guard case .object(let object)? = try? JSONValue.parse(text.utf8, limits: limits) else {
            throw FleetStoreError.damaged("labels that are no JSON")
        }
        var labels: [String: String] = [:]
        for (name, value) in object.members { labels[name] = value.stringValue }
        return labels
    }
}

extension DeviceID {
    /// As it stands in a column.
    init(stored text: String) throws {
        guard let device = DeviceID(text) else { throw FleetStoreError.damaged("a device with an id that is none") }
        self = device
    }
}

extension EndpointName {
    init(stored text: String) throws {
        guard let name = EndpointName(text) else { throw FleetStoreError.damaged("an endpoint without a name") }
        self = name
    }
}
