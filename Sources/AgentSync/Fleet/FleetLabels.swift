package import Deployment
internal import Diagnostics
internal import EdgeAgent
internal import FileSystem
internal import FleetProtocol
package import JSON

/// What operators call a box by in the fleet: the file `inbox/labels.json`, and `tuf/labels.json` once it counts.
///
/// They lie over what the box calls itself. A label of the box's own place, `local.…`, is never the fleet's to set.
package struct FleetLabels: Equatable, Sendable {
    package let labels: [LabelName: LabelValue]

    package static let limits = JSONLimits(bytes: 64 << 10, depth: 3, values: 200)

    /// What is no label, or would be a local one, is left out.
    package init(_ texts: [String: String]) {
        var labels: [LabelName: LabelValue] = [:]
        for (name, value) in texts {
            guard let name = LabelName(name), !name.isLocal, let value = LabelValue(value) else { continue }
            labels[name] = value
        }
        self.labels = labels
    }

    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> FleetLabels {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "labels")
        let members = try fields.fields("labels").object.members
        guard members.count <= FleetLimits.labels else {
            throw fields.problem("labels", "has more than \(FleetLimits.labels) labels")
        }
        var texts: [String: String] = [:]
        for (name, value) in members {
            guard LabelName(name) != nil, let value = value.stringValue, LabelValue(value) != nil else {
                throw fields.problem("labels", "\(name.prefix(64)) is no label")
            }
            texts[name] = value
        }
        return FleetLabels(texts)
    }

    package func encoded() throws(JSONError) -> [UInt8] {
        let members = labels.sorted { $0.key < $1.key }.map { ($0.key.text, JSONValue.string($0.value.text)) }
        let value: JSONValue = ["labels": .object(JSONObject(members))]
        return try value.canonicalBytes()
    }

    /// Nil where there is no such file.
    static func read(_ path: String) throws -> FleetLabels? {
        guard try FileSystem.status(of: path) != nil else { return nil }
        let bytes = try FileSystem.read(path, limit: limits.bytes)
        do throws(JSONError) {
            return try parse(bytes)
        } catch {
            throw StoreError.damaged(file: path, problem: error.message)
        }
    }

    /// Durable when it returns. False where they stand there already.
    func write(to path: String) throws -> Bool {
        if (try? Self.read(path)) == self { return false }
        try SyncStore.makeFolder(FileSystem.parent(of: path))
        try FileSystem.write(try encoded(), to: path, mode: 0o600)
        return true
    }

    func laid(over box: BoxConfiguration) -> BoxConfiguration {
        var box = box
        box.labels.values.merge(labels) { $1 }
        return box
    }
}
