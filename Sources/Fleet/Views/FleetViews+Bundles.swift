package import Deployment
internal import Diagnostics
internal import Digest
package import FleetProtocol
package import JSON
package import WallClock

/// Where a bundle runs.
package struct BundleWhereabouts: Sendable {
    package struct Place: Sendable {
        package var device: DeviceID
        package var endpoint: EndpointName
        package var bundle: BundleReport
        /// What is said here may be old where this is not yes.
        package var reachable: StatusAnswerKind
        package var lastSeen: UTCTime?
    }

    package var now: UTCTime
    package var asked: String
    /// The bundles that are meant: more than one where only a name or a beginning was given.
    package var bundles: [BundleReport]
    /// Of endpoints that run it.
    package var total: Int
    /// In order of the devices' ids; fewer than `total` where that is over 10,000.
    package var places: [Place]

    package var json: JSONValue {
        [
            "now": .moment(now), "asked": .string(asked), "bundles": .array(bundles.map(\.json)),
            "total": .integer(total),
            "places": .array(
                places.map { place in
                    [
                        "device": .string(place.device.text), "endpoint": .string(place.endpoint.text),
                        "bundle": place.bundle.json, "reachable": .string(place.reachable.rawValue),
                        "lastSeen": .moment(place.lastSeen),
                    ]
                }
            ),
        ]
    }
}

extension FleetViews {
    private static let bundlesShown = 500
    private static let rowsOfBundle = 100
    private static let placesShown = 10_000

    /// Which endpoints run a bundle, by their last report: `NAME@VERSION`, `NAME`, or a digest's beginning.
    ///
    /// Devices that were revoked may still run it, so they are named, too; those taken out of the fleet are not.
    package func whereRunning(_ bundle: String) throws -> BundleWhereabouts {
        let pattern = try BundlePattern(bundle)
        let snapshot = try snapshot()
        var answer = BundleWhereabouts(now: now, asked: bundle, bundles: [], total: 0, places: [])
        var digests: Set<SHA256Digest> = []
        for (index, device) in snapshot.devices.enumerated() where device.membership != .decommissioned {
            for endpoint in device.endpoints {
                guard let running = endpoint.report.running, pattern.matches(running) else { continue }
                answer.total += 1
                if digests.count < Self.bundlesShown, digests.insert(running.digest).inserted {
                    answer.bundles.append(
                        BundleReport(digest: running.digest, name: running.name, version: running.version)
                    )
                }
                guard answer.places.count < Self.placesShown else { continue }
                answer.places.append(
                    BundleWhereabouts.Place(
                        device: device.device,
                        endpoint: endpoint.report.name,
                        bundle: running,
                        reachable: snapshot.verdicts[index].reachable.answer,
                        lastSeen: device.report?.lastSeen
                    )
                )
            }
        }
        return answer
    }

    /// The bundles that any enrolled device runs or wants, those of most devices first.
    package func bundles() throws -> JSONValue {
        let snapshot = try snapshot()
        let most = snapshot.bundles.sorted { left, right in
            left.value.devices == right.value.devices
                ? left.key < right.key : left.value.devices > right.value.devices
        }
        return [
            "now": .moment(now), "total": .integer(most.count),
            "bundles": .array(most.prefix(Self.bundlesShown).map { .object($0.value.members($0.key)) }),
        ]
    }

    /// One bundle by its digest or the beginning of it; nil where no device runs or wants one.
    package func bundle(_ prefix: String) throws -> JSONValue? {
        let isHex = prefix.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
        guard isHex, (BundlePattern.shortestPrefix...2 * SHA256Digest.length).contains(prefix.utf8.count) else {
            throw QueryProblem(
                "\(prefix.quotedName) is no digest",
                hint: "give at least \(BundlePattern.shortestPrefix) of its digits, in lower case"
            )
        }
        let snapshot = try snapshot()
        let found = snapshot.bundles.keys.filter { $0.hex.hasPrefix(prefix) }
        guard let digest = found.first else { return nil }
        guard found.count == 1 else {
            throw QueryProblem("\(found.count) bundles begin with \(prefix)", hint: "give more of the digest")
        }
        var object = snapshot.bundles[digest]?.members(digest) ?? [:]
        var concerned: [Int] = []
        var refusals: [JSONValue] = []
        for index in snapshot.devices.indices where snapshot.devices[index].membership == .enrolled {
            let isConcerned = snapshot.devices[index].endpoints.contains { endpoint in
                endpoint.report.running?.digest == digest || endpoint.report.wanted?.digest == digest
            }
            guard isConcerned else { continue }
            concerned.append(index)
            func refuses(_ endpoint: EndpointRecord) -> Bool {
                endpoint.report.wanted?.digest == digest && endpoint.isRefusing
            }
            guard refusals.count < Self.rowsOfBundle, snapshot.devices[index].endpoints.contains(where: refuses) else {
                continue
            }
            for endpoint in try record(index, of: snapshot).endpoints where refuses(endpoint) {
                refusals.append([
                    "device": .string(snapshot.devices[index].device.text),
                    "endpoint": .string(endpoint.report.name.text), "result": .words(endpoint.report.result),
                    "sentence": .words(endpoint.report.sentence?.cut),
                ])
            }
        }
        object["devices"] = .array(
            try snapshot.worstFirst(concerned).prefix(Self.rowsOfBundle).map { try status($0, of: snapshot).json }
        )
        object["refusals"] = .array(refusals)
        return .object(object)
    }
}

extension BundleTally {
    fileprivate func members(_ digest: SHA256Digest) -> JSONObject {
        var object = report(digest).members
        object["running"] = .integer(running)
        object["wanted"] = .integer(wanted)
        object["refused"] = .integer(refused)
        object["deviceCount"] = .integer(devices)
        object["endpoints"] = .array(endpoints.sorted().map { .string($0.text) })
        return object
    }
}
