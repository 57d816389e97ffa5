internal import Digest
internal import JSON

extension Manifest {
    init(_ fields: JSONFields) throws(JSONError) {
        guard let name = BundleName(try fields.string("name")) else {
            throw fields.problem("name", "is no bundle name")
        }
        guard let version = BundleVersion(try fields.string("version")) else {
            throw fields.problem("version", "is no version such as 3 or 1.2")
        }
        let interface = try fields.fields("interface")
        self.init(
            name: name,
            version: version,
            platform: try Platform(try fields.fields("platform")),
            entry: try Entry(try fields.fields("entry")),
            interface: Interface(
                epoch: try interface.integer("epoch", in: 1...Int(Int32.max)),
                digest: interface.optional("digest") == nil ? nil : try interface.digest("digest")
            )
        )
        requires = try fields.strings("requires")
        components = try Self.components(try fields.fields("components"))
        interpreter = try fields.optionalFields("interpreter").map { fields throws(JSONError) in try Interpreter(fields)
        }
        endpoint = try Endpoint(try fields.fields("endpoint"))
        samples = try fields.optionalFields("samples").map { fields throws(JSONError) in try SamplePolicy(fields) }
        for (name, value) in try fields.optionalFields("environment")?.object.members ?? [] {
            guard let text = value.stringValue else { throw fields.problem("environment.\(name)", "is no string") }
            environment[name] = text
        }
        capturesByDefault = try fields.optionalFields("capture")?.optionalBoolean("enabled") ?? false
        neededDevices = try fields.optionalFields("needs")?.strings("devices") ?? []
        parameters = try fields.optionalFields("parameters")?.object ?? [:]
    }

    private static func components(_ fields: JSONFields) throws(JSONError) -> [ComponentName: Component] {
        var components: [ComponentName: Component] = [:]
        for name in fields.object.names {
            guard let component = ComponentName(rawValue: name) else {
                throw fields.problem(name, "is no component of a bundle")
            }
            let entry = try fields.fields(name)
            components[component] = Component(
                tableDigest: try entry.digest("toc"),
                bytes: try entry.integer("bytes", in: 0...(1 << 46)),
                files: try entry.integer("files", in: 1...1_000_000)
            )
        }
        return components
    }

    func json() throws(JSONError) -> JSONValue {
        var listed = JSONObject()
        for (name, component) in components {
            listed[name.rawValue] = [
                "bytes": .integer(component.bytes), "files": .integer(component.files),
                "toc": .string(component.tableDigest.hex),
            ]
        }
        var interfaceObject: JSONObject = ["epoch": .integer(interface.epoch)]
        interfaceObject["digest"] = interface.digest.map { .string($0.hex) }
        var object: JSONObject = [
            "schema": 1, "requires": .array(requires.map { .string($0) }), "name": .string(name.text),
            "version": .string(version.description), "platform": platform.json, "components": .object(listed),
            "entry": entry.json, "endpoint": endpoint.json, "interface": .object(interfaceObject),
            "capture": ["enabled": .boolean(capturesByDefault)],
            "needs": ["devices": .array(neededDevices.map { .string($0) })], "parameters": .object(parameters),
            "environment": .object(JSONObject(environment.map { ($0.key, .string($0.value)) })),
        ]
        object["interpreter"] = interpreter.map { $0.json }
        if let samples { object["samples"] = try samples.json() }
        return .object(object)
    }
}

extension Manifest.Entry {
    init(_ fields: JSONFields) throws(JSONError) {
        switch try fields.string("kind") {
        case "onnx": self = .onnx(model: try fields.bundlePath("model"), library: try fields.bundlePath("library"))
        case "script":
            let model = fields.optional("model") == nil ? nil : try fields.bundlePath("model")
            self = .script(path: try fields.bundlePath("script"), model: model)
        case let kind: throw fields.problem("kind", "is \"\(kind)\", known are onnx and script")
        }
    }

    var json: JSONValue {
        switch self {
        case .onnx(let model, let library):
            return ["kind": "onnx", "model": .string(model), "library": .string(library)]
        case .script(let path, let model):
            var object: JSONObject = ["kind": "script", "script": .string(path)]
            object["model"] = model.map { .string($0) }
            return .object(object)
        }
    }
}

extension Manifest.Interpreter {
    init(_ fields: JSONFields) throws(JSONError) {
        let source = try fields.string("source")
        guard let known = Source(rawValue: source) else {
            throw fields.problem("source", "is \"\(source)\", known are system and bundled")
        }
        let abi = try fields.string("abi")
        guard Platform.isABI(abi) else { throw fields.problem("abi", "is no ABI such as cp311") }
        let version = try fields.string("version")
        guard BundleVersion(version) != nil else { throw fields.problem("version", "is no version such as 3.11") }
        self.init(source: known, abi: abi, version: version)
    }

    var json: JSONValue {
        ["source": .string(source.rawValue), "abi": .string(abi), "version": .string(version)]
    }
}

extension Manifest.Endpoint {
    init(_ fields: JSONFields) throws(JSONError) {
        self.init()
        maximumBodyBytes = try fields.integer("maximumBodyBytes", in: 1...(1 << 32))
        queue = try fields.integer("queue", in: 1...100_000)
        workers = try fields.integer("workers", in: 1...256)
        deadlineMilliseconds = try fields.integer("deadlineMilliseconds", in: 1...86_400_000)
        startupMilliseconds = try fields.integer("startupMilliseconds", in: 1...86_400_000)
        memoryBytes = try fields.optionalInteger("memoryBytes", in: 1...(1 << 46))
    }

    var json: JSONValue {
        var object: JSONObject = [
            "maximumBodyBytes": .integer(maximumBodyBytes), "queue": .integer(queue), "workers": .integer(workers),
            "deadlineMilliseconds": .integer(deadlineMilliseconds),
            "startupMilliseconds": .integer(startupMilliseconds),
        ]
        object["memoryBytes"] = memoryBytes.map { .integer($0) }
        return .object(object)
    }
}

extension JSONFields {
    /// A member that is a path inside a bundle.
    fileprivate func bundlePath(_ name: String) throws(JSONError) -> String {
        let text = try string(name)
        guard BundlePath(text) != nil else { throw problem(name, "is not a path inside a bundle") }
        return text
    }
}
