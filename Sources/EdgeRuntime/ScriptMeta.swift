internal import JSON

/// What a worker said of itself once `init()` had returned.
package struct ScriptWorkerInformation: Sendable, Equatable {
    /// For instance `3.11.7`.
    package var pythonVersion: String
    /// Seconds for loading the script and `init()`.
    package var initSeconds: Double
    /// Package -> version of what the script has really loaded from `sitePackages`.
    package var packages: [String: String]
    /// Whether `run()` has a parameter `request_headers`.
    package var takesHeaders: Bool
}

/// The meta of frames, as JSON.
enum ScriptMeta {
    private static let limits = JSONLimits(bytes: ScriptProtocol.metaLimitBytes, depth: 8, values: 10_000)

    static func configure(_ configuration: ScriptConfiguration) -> [UInt8] {
        JSONValue.object([
            "script": .string(configuration.script),
            "code_folder": .string(configuration.codeFolder),
            "site_packages": .array(configuration.sitePackages.map { .string($0) }),
            "payload_limit_bytes": .integer(configuration.payloadLimitBytes),
        ]).compactBytes()
    }

    private static let plainRequest = Array(#"{"method":"POST"}"#.utf8)

    static func request(_ request: ScriptRequest, withHeaders: Bool) -> [UInt8] {
        if request.method == .post, !withHeaders { return plainRequest }
        var meta: JSONObject = ["method": .string(request.method.rawValue)]
        if let query = request.query { meta["query"] = .string(query) }
        if withHeaders {
            meta["headers"] = .array(request.headers.map { .array([.string($0.name), .string($0.value)]) })
        }
        return JSONValue.object(meta).compactBytes()
    }

    static func ready(_ frame: ScriptFrame) throws(ScriptProtocolViolation) -> ScriptWorkerInformation {
        try read(frame) { fields throws(JSONError) in
            let packages = try fields.optionalFields("packages")?.object.members ?? []
            return ScriptWorkerInformation(
                pythonVersion: try fields.string("python"),
                initSeconds: try fields.optionalDouble("init_seconds") ?? 0,
                packages: Dictionary(
                    packages.map { ($0.name, $0.value.stringValue ?? "") },
                    uniquingKeysWith: { _, last in last }
                ),
                takesHeaders: try fields.optionalBoolean("takes_headers") ?? true
            )
        }
    }

    static func failed(_ frame: ScriptFrame, script: String) throws(ScriptProtocolViolation) -> ScriptError {
        try read(frame) { fields throws(JSONError) in
            .notLoaded(
                script: script,
                step: try fields.string("step") == "init" ? .initialize : .load,
                kind: try fields.string("kind"),
                problem: try fields.string("message"),
                line: try fields.optionalInteger("line", in: 0...Int(Int32.max)),
                traceback: try fields.string("traceback")
            )
        }
    }

    static func reply(_ frame: ScriptFrame) throws(ScriptProtocolViolation) -> ScriptAnswer {
        try read(frame) { fields throws(JSONError) in
            ScriptAnswer(
                status: try fields.integer("status", in: 200...599),
                body: frame.payload,
                message: try fields.optionalString("message"),
                runMilliseconds: try fields.optionalDouble("run_ms")
            )
        }
    }

    /// The text for the log: the traceback, which ends with the message.
    static func log(_ frame: ScriptFrame) throws(ScriptProtocolViolation) -> String {
        try read(frame) { fields throws(JSONError) in
            let traceback = try fields.optionalString("traceback") ?? ""
            return traceback.isEmpty ? try fields.string("message") : traceback
        }
    }

    private static func read<Value>(
        _ frame: ScriptFrame,
        _ body: (JSONFields) throws(JSONError) -> Value
    ) throws(ScriptProtocolViolation) -> Value {
        do {
            return try body(JSONFields(JSONValue.parse(frame.meta, limits: limits), path: ""))
        } catch {
            throw .malformedMeta(frame.kind)
        }
    }
}
