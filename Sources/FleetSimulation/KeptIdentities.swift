internal import Crypto
internal import Deployment
internal import FileSystem
internal import FleetClient
internal import JSON
internal import Synchronization

/// Identities of simulated boxes on disk: `fleet.json` says of which fleet they are, `DEVICE.pem` has key and certificate.
final class KeptIdentities: Sendable {
    private struct Fleet: Sendable {
        var server: String
        var authorities: String
    }

    private static let limitBytes = 256 << 10

    private let folder: String
    private let fleet: Mutex<Fleet?>

    /// - Parameter server: that of the token, which must be the one that the folder's boxes belong to; nil: any.
    init(_ folder: String, server: String?) throws {
        self.folder = folder
        try FileSystem.createDirectories(folder)
        let path = FileSystem.join(folder, "fleet.json")
        guard try FileSystem.status(of: path) != nil else {
            fleet = Mutex(nil)
            return
        }
        let bytes = try FileSystem.read(path, limit: Self.limitBytes)
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: .document), path: path)
        let found = Fleet(server: try fields.string("server"), authorities: try fields.string("authorities"))
        if let server, server != found.server {
            throw FleetTransportError.otherFleet(folder: folder, server: found.server)
        }
        fleet = Mutex(found)
    }

    private func path(_ device: DeviceID) -> String { FileSystem.join(folder, "\(device).pem") }

    /// Nil where the box was never enrolled.
    func identity(of device: DeviceID) throws -> FleetIdentity? {
        guard let fleet = fleet.withLock({ $0 }), try FileSystem.status(of: path(device)) != nil else { return nil }
        let pem = try FileSystem.read(path(device), limit: Self.limitBytes)
        return try FleetIdentity(server: fleet.server, device: device, authorities: fleet.authorities, pem: pem)
    }

    /// The key that a box enrols with, stored now where it wasn't yet.
    func key(for device: DeviceID) throws -> PrivateKey {
        let path = path(device)
        if try FileSystem.status(of: path) != nil {
            return try PrivateKey(pem: try FileSystem.read(path, limit: Self.limitBytes), source: path)
        }
        let key = try PrivateKey.generate()
        try FileSystem.write(try key.pemBytes(), to: path, mode: 0o600)
        return key
    }

    func keep(_ identity: FleetIdentity) throws {
        try fleet.withLock { fleet in
            guard fleet == nil else { return }
            let made = Fleet(server: identity.server, authorities: identity.authorities)
            let json: JSONValue = ["server": .string(made.server), "authorities": .string(made.authorities)]
            try FileSystem.write(json.prettyBytes(), to: FileSystem.join(folder, "fleet.json"), mode: 0o600)
            fleet = made
        }
        try FileSystem.write(try identity.pemBytes(), to: path(identity.device), mode: 0o600)
    }
}
