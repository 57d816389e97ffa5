package import Deployment
internal import FileSystem
internal import FleetProtocol
package import JSON

/// The fleet that a box belongs to: the file `fleet/fleet.json`. A box is enrolled where it is there.
///
/// `edgeagent-sync` writes it, as the last thing that enrolling does; the resident agent reads it.
package struct FleetSettings: Equatable, Sendable {
    /// `https://HOST:PORT`.
    package var server: String
    /// What the fleet calls the box.
    package var device: DeviceID
    /// Certificates of the fleet's authority, in PEM: the only ones that the server is believed by.
    package var authorities: String
    /// Seconds between two check-ins where nothing changes, as the fleet last asked.
    package var interval: Int

    package init(
        server: String,
        device: DeviceID,
        authorities: String,
        interval: Int = FleetLimits.defaultInterval
    ) {
        self.server = server
        self.device = device
        self.authorities = authorities
        self.interval = interval
    }

    package static let limits = JSONLimits(bytes: 64 << 10, depth: 4, values: 64)

    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> FleetSettings {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "fleet")
        guard let device = DeviceID(try fields.string("device")) else {
            throw fields.problem("device", "is no device's id")
        }
        return FleetSettings(
            server: try fields.string("server"),
            device: device,
            authorities: try fields.string("authorities"),
            interval: try fields.optionalInteger("interval", in: FleetLimits.intervals) ?? FleetLimits.defaultInterval
        )
    }

    package func encoded() throws(JSONError) -> [UInt8] {
        let value: JSONValue = [
            "authorities": .string(authorities), "device": .string(device.text), "interval": .integer(interval),
            "server": .string(server),
        ]
        return try value.canonicalBytes()
    }
}

extension StoreLayout {
    /// The fleet's settings; nil where the box is not enrolled. Throws where they can't be read.
    package func readFleetSettings() throws -> FleetSettings? {
        guard try FileSystem.status(of: fleetSettings) != nil else { return nil }
        let bytes = try FileSystem.read(fleetSettings, limit: FleetSettings.limits.bytes)
        do throws(JSONError) {
            return try FleetSettings.parse(bytes)
        } catch {
            throw StoreError.damaged(file: fleetSettings, problem: error.message)
        }
    }
}
