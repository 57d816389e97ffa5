package import BundleManifest
import Diagnostics
package import YAML

extension ProjectFile {
    /// Reads the document; looks at no other file.
    ///
    /// `hostArchitecture` is what `devices` defaults to. Every error has its place in the file and exit code 78.
    package static func parse(
        _ document: YAMLNode,
        hostArchitecture: Platform.Architecture = .current
    ) throws(YAMLError) -> ProjectFile {
        let fields = try YAMLFields(document)
        let name = try name(fields)
        let version = try version(fields)
        let scoring = try ScoringFields(fields).scoring()
        let file = ProjectFile(
            name: name,
            version: version,
            scoring: scoring,
            devices: try devices(fields, default: "generic-\(hostArchitecture.rawValue)"),
            samples: try samples(fields),
            endpoint: try endpoint(fields),
            environmentVariables: try environmentVariables(fields),
            capturesByDefault: try capture(fields),
            interfaceEpoch: try interfaceEpoch(fields),
            neededDevices: try neededDevices(fields),
            parameters: try parameters(fields),
            exclusions: try exclusions(fields)
        )
        try fields.fieldsIfPresent("monitoring")?.refuseUnknown()
        try fields.refuseUnknown()
        return file
    }

    private static func name(_ fields: YAMLFields) throws(YAMLError) -> BundleName {
        let text = try fields.string("name")
        guard let name = BundleName(text) else {
            let rule = "1 to 64 lowercase letters, digits, '.', '_' and '-', with a letter or digit at both ends"
            throw fields.invalid("name", "'\(text)' is no bundle name", hint: "a name is \(rule)")
        }
        return name
    }

    private static func version(_ fields: YAMLFields) throws(YAMLError) -> BundleVersion? {
        guard let text = try fields.stringIfPresent("version") else { return nil }
        guard let version = BundleVersion(text) else {
            let hint = "a version is one to four whole numbers with points between them, such as \"3\" or \"1.2.0\""
            throw fields.invalid("version", "'\(text)' is no version", hint: hint)
        }
        return version
    }

    private static func devices(_ fields: YAMLFields, default host: String) throws(YAMLError) -> [ProjectDevice] {
        guard let references = try fields.stringsIfPresent("devices") else {
            return [ProjectDevice(reference: host, position: fields.position)]
        }
        let node = fields.nodeIfPresent("devices")
        let positions = node?.sequence?.map(\.position) ?? [node?.position ?? fields.position]
        guard !references.isEmpty else { throw fields.invalid("devices", "is an empty list") }
        var devices: [ProjectDevice] = []
        for (reference, position) in zip(references, positions) {
            guard !devices.contains(where: { $0.reference == reference }) else {
                throw YAMLError.invalidValue(
                    position,
                    path: "devices",
                    reason: "\(reference) is there twice",
                    hint: nil
                )
            }
            devices.append(ProjectDevice(reference: reference, position: position))
        }
        return devices
    }

    private static func samples(_ fields: YAMLFields) throws(YAMLError) -> Samples? {
        guard let samples = try fields.fieldsIfPresent("samples") else {
            guard fields.isNull("samples") else { return nil }
            // Passed over, it would build without the check that its author thinks of.
            throw fields.invalid("samples", "has nothing behind it", hint: "samples: {path: FOLDER}, or remove the key")
        }
        let tolerance = 0...Double.greatestFiniteMagnitude
        var policy = SamplePolicy()
        policy.absoluteTolerance = try samples.numberIfPresent("atol", in: tolerance) ?? policy.absoluteTolerance
        policy.relativeTolerance = try samples.numberIfPresent("rtol", in: tolerance) ?? policy.relativeTolerance
        policy.allowedMismatches = try samples.integerIfPresent("allowed_mismatches", in: 0...1_000_000) ?? 0
        for (name, output) in try samples.fieldsByNameIfPresent("outputs") ?? [] {
            let comparison = try output.kindIfPresent("kind") ?? .values
            let scores = try output.stringIfPresent("scores")
            if comparison == .class, scores == nil { throw output.missing("scores") }
            if comparison == .values, scores != nil {
                throw output.invalid("scores", "only an output of kind class has scores")
            }
            policy.outputs[name] = SamplePolicy.Output(
                comparison: comparison,
                scores: scores,
                absoluteTolerance: try output.numberIfPresent("atol", in: tolerance),
                relativeTolerance: try output.numberIfPresent("rtol", in: tolerance)
            )
            try output.refuseUnknown()
        }
        let folder = try samples.path("path")
        try samples.refuseUnknown()
        return Samples(folder: folder, policy: policy)
    }

    private static func endpoint(_ fields: YAMLFields) throws(YAMLError) -> Manifest.Endpoint {
        var endpoint = Manifest.Endpoint()
        let time = Duration.milliseconds(1)...Duration.seconds(3600)
        if let resources = try fields.fieldsIfPresent("resources") {
            endpoint.memoryBytes = try resources.bytesIfPresent("memory", in: 1 << 20...1 << 40)
            if let startup = try resources.durationIfPresent("startup", in: time) {
                endpoint.startupMilliseconds = try milliseconds(startup, "startup", resources)
            }
            if let deadline = try resources.durationIfPresent("deadline", in: time) {
                endpoint.deadlineMilliseconds = try milliseconds(deadline, "deadline", resources)
            }
            try resources.refuseUnknown()
        }
        if let limits = try fields.fieldsIfPresent("endpoint") {
            endpoint.maximumBodyBytes =
                try limits.bytesIfPresent("max_body", in: 1 << 10...1 << 30) ?? endpoint.maximumBodyBytes
            endpoint.queue = try limits.integerIfPresent("queue", in: 1...100_000) ?? endpoint.queue
            endpoint.workers = try limits.integerIfPresent("workers", in: 1...64) ?? endpoint.workers
            try limits.refuseUnknown()
        }
        return endpoint
    }

    private static func milliseconds(
        _ duration: Duration,
        _ key: String,
        _ fields: YAMLFields
    ) throws(YAMLError) -> Int {
        let (seconds, attoseconds) = duration.components
        let (milliseconds, rest) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
        guard rest == 0 else { throw fields.invalid(key, "is not a whole number of milliseconds") }
        return Int(seconds * 1000 + milliseconds)
    }

    private static func environmentVariables(_ fields: YAMLFields) throws(YAMLError) -> [String: String] {
        var variables: [String: String] = [:]
        for (name, value) in try fields.stringMapIfPresent("environment_variables") ?? [] {
            guard isIdentifier(name) else {
                let reason = "'\(name)' is no variable name (letters, digits and _, no digit first)"
                throw fields.invalid("environment_variables", reason)
            }
            guard !value.utf8.contains(0) else {
                throw fields.invalid("environment_variables", "the value of \(name) holds a zero byte")
            }
            variables[name] = value
        }
        return variables
    }

    private static func capture(_ fields: YAMLFields) throws(YAMLError) -> Bool {
        guard let capture = try fields.fieldsIfPresent("capture") else { return false }
        let isEnabled = try capture.booleanIfPresent("enabled") ?? false
        try capture.refuseUnknown()
        return isEnabled
    }

    private static func interfaceEpoch(_ fields: YAMLFields) throws(YAMLError) -> Int {
        guard let interface = try fields.fieldsIfPresent("interface") else { return 1 }
        let epoch = try interface.integerIfPresent("epoch", in: 1...Int(Int32.max)) ?? 1
        try interface.refuseUnknown()
        return epoch
    }

    private static func neededDevices(_ fields: YAMLFields) throws(YAMLError) -> [String] {
        guard let needs = try fields.fieldsIfPresent("needs") else { return [] }
        let classes = try needs.stringsIfPresent("devices") ?? []
        for name in classes where !isDeviceClass(name) {
            let hint = "classes are words such as camera or gpu.nvidia; a box grants them, a bundle never names a path"
            throw needs.invalid("devices", "'\(name)' is no device class", hint: hint)
        }
        try needs.refuseUnknown()
        return Array(Set(classes)).sorted()
    }

    private static func parameters(_ fields: YAMLFields) throws(YAMLError) -> [String: ProjectParameter] {
        var parameters: [String: ProjectParameter] = [:]
        for (name, parameter) in try fields.fieldsByNameIfPresent("parameters") ?? [] {
            guard isIdentifier(name), name.utf8.count <= 64 else {
                let reason = "'\(name)' is no parameter name (at most 64 letters, digits and _, no digit first)"
                throw fields.invalid("parameters", reason)
            }
            parameters[name] = try ProjectParameter(parameter)
        }
        return parameters
    }

    private static func exclusions(_ fields: YAMLFields) throws(YAMLError) -> ProjectExclusions {
        let patterns = try fields.stringsIfPresent("exclude") ?? []
        guard patterns.count <= ProjectExclusions.limit else {
            throw fields.invalid("exclude", "has more than \(ProjectExclusions.limit) patterns")
        }
        do { return try ProjectExclusions(patterns) } catch {
            throw fields.invalid("exclude", "'\(error.pattern)' \(error.reason)")
        }
    }

    private static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.first, !first.isNumber else { return false }
        return name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    }

    /// `[a-z]+(\.[a-z0-9]+)?`
    private static func isDeviceClass(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let kind = parts.first, !kind.isEmpty else { return false }
        guard kind.allSatisfy({ ("a"..."z").contains($0) }) else { return false }
        guard let maker = parts.dropFirst().first else { return true }
        return !maker.isEmpty && maker.allSatisfy { ("a"..."z").contains($0) || ("0"..."9").contains($0) }
    }
}

extension YAMLFields {
    /// A path relative to the project's folder.
    func path(_ key: String) throws(YAMLError) -> ProjectPath {
        guard let path = try pathIfPresent(key) else { throw missing(key) }
        return path
    }

    /// A path relative to the project's folder. It may lead out of it, as models are often shared between projects.
    func pathIfPresent(_ key: String) throws(YAMLError) -> ProjectPath? {
        guard let text = try stringIfPresent(key), let position = nodeIfPresent(key)?.position else { return nil }
        guard !text.isEmpty, !text.utf8.contains(0) else { throw invalid(key, "is no path") }
        guard !text.hasPrefix("/") else {
            let hint = "write it relative to the folder of \(ProjectFile.fileName), so that the project builds anywhere"
            throw invalid(key, "'\(text)' is an absolute path", hint: hint)
        }
        // A slash at the end, as completion leaves it, says only that it is a folder.
        var trimmed = text[...]
        while trimmed.hasSuffix("/") { trimmed.removeLast() }
        return ProjectPath(text: String(trimmed), key: full(key), position: position)
    }

    fileprivate func kindIfPresent(_ key: String) throws(YAMLError) -> SamplePolicy.Comparison? {
        guard let text = try stringIfPresent(key) else { return nil }
        guard let kind = SamplePolicy.Comparison(rawValue: text) else {
            throw invalid(key, "'\(text)' is not one of values, class")
        }
        return kind
    }
}
