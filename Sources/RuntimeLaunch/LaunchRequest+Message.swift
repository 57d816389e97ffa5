internal import Digest

/// A request as a message: lines of a key and a value, the first of which names the protocol.
///
///     launch 1
///     kind serve
///     endpoint digits
///     slot blue
///     bundle 2c26b46b…
extension LaunchRequest {
    /// The most bytes of a request.
    package static let messageLimit = 4096
    /// What goes with every request: control socket or output, and log.
    package static let descriptorCount = 2

    package var message: [UInt8] {
        var lines = ["launch 1", "kind \(kind.rawValue)", "endpoint \(endpoint)", "slot \(slot.rawValue)"]
        lines.append("bundle \(bundle.hex)")
        if let python { lines.append("python \(python)") }
        if let onnxRuntime { lines.append("onnxruntime \(onnxRuntime)") }
        if let acceptance {
            lines.append("acceptance \(acceptance.document)")
            lines.append("data \(acceptance.data.hex)")
        }
        if let memoryLimitBytes { lines.append("memory \(memoryLimitBytes)") }
        for layer in ContainmentLayer.allCases where required.contains(layer) {
            lines.append("require \(layer.rawValue)")
        }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads a request, and takes nothing that this version does not know.
    ///
    /// - Throws: `badRequest`.
    package init(message: [UInt8]) throws(LaunchError) {
        guard message.count <= Self.messageLimit else {
            throw .badRequest("it has \(message.count) bytes, allowed are \(Self.messageLimit)")
        }
        guard let text = String(validating: message, as: UTF8.self) else { throw .badRequest("it is no UTF-8") }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard lines.popFirst() == "launch 1" else { throw .badRequest("it is not in version 1 of the protocol") }
        var fields = Fields()
        for line in lines { try fields.take(line) }
        try self.init(fields)
    }

    private init(_ fields: Fields) throws(LaunchError) {
        guard let kind = Kind(rawValue: try fields.needed("kind")) else { throw .badRequest("no such kind") }
        guard let slot = Slot(rawValue: try fields.needed("slot")) else { throw .badRequest("no such slot") }
        guard let bundle = SHA256Digest(hex: try fields.needed("bundle")) else {
            throw .badRequest("bundle is no digest")
        }
        try self.init(
            kind,
            endpoint: try fields.needed("endpoint"),
            slot: slot,
            bundle: bundle,
            required: fields.required
        )
        python = try fields.path("python")
        onnxRuntime = try fields.path("onnxruntime")
        acceptance = try fields.acceptance()
        guard acceptance == nil || kind == .check else { throw .badRequest("acceptance belongs to check alone") }
        if let memory = fields.values["memory"] {
            // Less than a mebibyte is a unit mixed up, not a limit.
            guard let bytes = Int(memory), bytes >= 1 << 20, String(bytes) == memory else {
                throw .badRequest("memory is not a number of bytes from 1 MiB on")
            }
            memoryLimitBytes = bytes
        }
    }
}

private struct Fields {
    private static let known: Set<String> = [
        "kind", "endpoint", "slot", "bundle", "python", "onnxruntime", "acceptance", "data", "memory",
    ]
    var values: [String: String] = [:]
    var required: Set<ContainmentLayer> = []

    mutating func take(_ line: Substring) throws(LaunchError) {
        guard let space = line.firstIndex(of: " ") else { throw .badRequest("a line without a value") }
        let key = String(line[..<space])
        let value = String(line[line.index(after: space)...])
        if key == "require" {
            guard let layer = ContainmentLayer(rawValue: value) else {
                throw .badRequest("\(value.debugDescription) is no layer of containment")
            }
            required.insert(layer)
            return
        }
        guard Self.known.contains(key) else { throw .badRequest("\(key.debugDescription) is not known") }
        guard values.updateValue(value, forKey: key) == nil else { throw .badRequest("\(key) stands twice") }
    }

    func needed(_ key: String) throws(LaunchError) -> String {
        guard let value = values[key] else { throw .badRequest("\(key) is missing") }
        return value
    }

    func path(_ key: String) throws(LaunchError) -> String? {
        guard let path = values[key] else { return nil }
        guard LaunchRequest.isPlainPath(path) else { throw .badRequest("\(key) is no plain absolute path") }
        return path
    }

    func acceptance() throws(LaunchError) -> LaunchRequest.Acceptance? {
        guard values["acceptance"] != nil || values["data"] != nil else { return nil }
        let document = try needed("acceptance")
        guard document.hasPrefix("acceptance/"), LaunchRequest.isPlainRelativePath(document) else {
            throw .badRequest("acceptance is no path of an acceptance document")
        }
        guard let data = SHA256Digest(hex: try needed("data")) else { throw .badRequest("data is no digest") }
        return LaunchRequest.Acceptance(document: document, data: data)
    }
}
