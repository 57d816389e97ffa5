internal import Deployment
internal import FleetProtocol
package import JSON
package import WallClock

/// The devices of one page.
package struct DevicePage: Sendable {
    package var now: UTCTime
    /// Devices of the fleet that aren't decommissioned.
    package var total: Int
    /// Those that the query asks for.
    package var matching: Int
    package var offset: Int
    package var devices: [DeviceStatus]

    package var json: JSONValue {
        [
            "now": .moment(now), "total": .integer(total), "matching": .integer(matching), "offset": .integer(offset),
            "devices": .array(devices.map(\.json)),
        ]
    }
}

extension FleetViews {
    package func devices(_ query: DeviceQuery) throws -> DevicePage {
        let snapshot = try snapshot()
        let needle = query.text.map { Needle($0) }
        var matching = snapshot.devices.indices.filter { index in
            query.matches(snapshot.devices[index], snapshot.verdicts[index], needle)
        }
        // They come in order of their ids, and each order below leaves that where it says nothing.
        switch query.order {
        case .id: break
        case .worst: matching = snapshot.worstFirst(matching)
        case .lastSeen:
            matching.sort { left, right in
                let (first, second) = (snapshot.lastSeen(left), snapshot.lastSeen(right))
                return first == second ? left < right : first < second
            }
        }
        var shown: [DeviceStatus] = []
        var endpoints = 0
        for index in matching.dropFirst(query.offset).prefix(query.limit) {
            endpoints += snapshot.devices[index].endpoints.count
            if !shown.isEmpty, endpoints > DeviceQuery.endpointsOfPage { break }
            shown.append(try status(index, of: snapshot))
        }
        return DevicePage(
            now: now,
            total: snapshot.devices.count { query.members != nil || $0.membership != .decommissioned },
            matching: matching.count,
            offset: query.offset,
            devices: shown
        )
    }
}

extension FleetSnapshot {
    /// The same indices, those that need somebody most first, and otherwise as they were.
    func worstFirst(_ indices: [Int]) -> [Int] {
        var bySeverity = [[Int]](repeating: [], count: DeviceVerdict.severities.count)
        for index in indices { bySeverity[verdicts[index].severity].append(index) }
        return Array(bySeverity.reversed().joined())
    }

    fileprivate func lastSeen(_ index: Int) -> Int64 { devices[index].report?.lastSeen.seconds ?? .min }
}

extension DeviceQuery {
    fileprivate func matches(_ record: DeviceRecord, _ verdict: DeviceVerdict, _ needle: Needle?) -> Bool {
        switch members {
        case nil: guard record.membership != .decommissioned else { return false }
        case .all: break
        case let members?: guard record.membership.rawValue == members.rawValue else { return false }
        }
        if let channel, record.report?.channel != channel { return false }
        guard
            reachable?.allows(verdict.reachable.answer, [verdict.reachable.code]) ?? true,
            converged?.allows(
                verdict.converged.answer,
                CollectionOfOne(verdict.converged.code) + verdict.endpoints.map(\.converged.code)
            ) ?? true,
            healthy?.allows(
                verdict.healthy.answer,
                CollectionOfOne(verdict.healthy.code) + verdict.endpoints.map(\.healthy.code)
            ) ?? true
        else { return false }
        for label in labels {
            // What operators say counts more than what the box says of itself, as it does on the box.
            guard let value = record.labels[label.name] ?? record.report?.labels[label.name],
                label.value == nil || label.value == value
            else { return false }
        }
        if let running {
            guard record.endpoints.contains(where: { $0.report.running.map(running.matches) ?? false }) else {
                return false
            }
        }
        return needle.map { record.contains($0) } ?? true
    }
}

extension DeviceQuery.Wanted {
    /// - Parameter reasons: of the device and of each of its endpoints.
    fileprivate func allows(_ answer: StatusAnswerKind, _ reasons: @autoclosure () -> [String]) -> Bool {
        switch self {
        case .answer(let wanted): answer == wanted
        case .reason(let wanted): reasons().contains(wanted)
        case .anyWaitingFor: reasons().contains { $0.hasPrefix("waitingFor(") }
        }
    }
}

extension DeviceRecord {
    /// Whether id, labels or the names of bundles contain it.
    fileprivate func contains(_ needle: Needle) -> Bool {
        if needle.isIn(device.text) { return true }
        for own in [labels, report?.labels ?? [:]] {
            for (name, value) in own where needle.isIn("\(name)=\(value)") { return true }
        }
        for endpoint in endpoints {
            for bundle in [endpoint.report.running, endpoint.report.wanted] {
                guard let bundle, let name = bundle.name else { continue }
                if needle.isIn("\(name)@\(bundle.version ?? "")") { return true }
            }
        }
        return false
    }
}

/// A text to look for, where upper and lower case of ASCII letters are the same.
struct Needle {
    private let bytes: [UInt8]

    init(_ text: String) { bytes = text.utf8.map(Self.folded) }

    private static func folded(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    func isIn(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { hay in
            guard let first = bytes.first else { return true }
            guard hay.count >= bytes.count else { return false }
            for start in 0...(hay.count - bytes.count) where Self.folded(hay[start]) == first {
                if (1..<bytes.count).allSatisfy({ Self.folded(hay[start + $0]) == bytes[$0] }) { return true }
            }
            return false
        }
    }
}
