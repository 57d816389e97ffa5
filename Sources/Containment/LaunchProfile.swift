internal import CContainment
internal import Digest
internal import Glibc
package import RuntimeLaunch

/// What a launcher was told when it was started, by whoever runs the box: nothing of it can be changed by a request.
package struct LauncherSettings: Equatable, Sendable {
    /// The agent's store, without symbolic links.
    package var store: String
    /// The runtime's program.
    package var runtime: String
    /// Whom runtimes run as; nil: as the launcher.
    package var user: ContainedProgram.User?
    /// A group below which runtimes get theirs; nil: the one that was delegated, if any.
    package var group: String?
    /// Folders that runtimes may read and execute from, beside the system's.
    package var readable: [String]
    /// Interpreters and libraries must lie in the system's folders or in `readable`: for a launcher with more rights than
    /// those who ask it.
    package var trustsOwnFoldersOnly: Bool

    package init(store: String, runtime: String, trustsOwnFoldersOnly: Bool) {
        self.store = store
        self.runtime = runtime
        self.readable = []
        self.trustsOwnFoldersOnly = trustsOwnFoldersOnly
    }
}

/// From what is asked for to what is started: the one place that makes a runtime's command line and environment.
package struct LaunchProfile {
    package let settings: LauncherSettings

    package init(_ settings: LauncherSettings) { self.settings = settings }

    /// The numbers of descriptors in the runtime.
    private static let control: Int32 = 3
    /// What it may use beyond its memory limit where the limit counts reservations: stacks, and heaps in part unused.
    private static let reservedBytes: UInt64 = 256 << 20

    /// - Parameters:
    ///   - channel: the control socket of `serve`, standard output of `check`.
    ///   - log: what takes all else that it prints.
    /// - Throws: `refused`.
    package func program(
        for request: LaunchRequest,
        channel: Int32,
        log: Int32
    ) throws(ContainmentError) -> ContainedProgram {
        let generation = "\(settings.store)/generations/\(request.bundle.hex)"
        try check(generation, "the generation")
        var places = ContainedProgram.system
        places += settings.readable.map { .init($0, .readAndExecute) }
        places.append(.init(settings.runtime, .readAndExecute))
        places.append(.init(generation, .readAndExecute, followsLinks: false))
        var arguments = [request.kind.rawValue, generation]
        if let python = request.python {
            try checkTrust(python)
            places += Self.folders(ofInterpreter: python).map { .init($0, .readAndExecute) }
            arguments += ["--python", python]
        }
        if let library = request.onnxRuntime {
            try checkTrust(library)
            places.append(.init(Self.parent(of: library), .readAndExecute))
            arguments += ["--onnxruntime", library]
        }
        if let acceptance = request.acceptance {
            let document = "\(settings.store)/tuf/targets/\(acceptance.document)"
            let data = "\(settings.store)/cas/\(acceptance.data.hex)"
            try check(document, "the acceptance document")
            try check(data, "the acceptance data")
            places += [.init(document, followsLinks: false), .init(data, followsLinks: false)]
            arguments += ["--acceptance", document, "--data", data]
        }
        var descriptors: [Int32: Int32] = [2: log]
        switch request.kind {
        case .serve:
            arguments += ["--control-fd", "\(Self.control)"]
            descriptors[1] = log
            descriptors[Self.control] = channel
        case .check:
            arguments.append("--record")
            descriptors[1] = channel
        }
        // A root folder as a place would let it see everything; it comes from a file right below the root.
        places.removeAll { $0.path == "/" || $0.path.isEmpty }
        var program = ContainedProgram(
            program: settings.runtime,
            arguments: arguments,
            descriptors: descriptors,
            places: places
        )
        program.environment = [
            "LANG": "C.UTF-8", "ORT_DISABLE_TELEMETRY": "1", "PATH": "/usr/local/bin:/usr/bin:/bin",
        ]
        program.user = settings.user
        program.dataBytes = request.memoryLimitBytes.map { UInt64($0) + Self.reservedBytes }
        return program
    }

    /// The name of a runtime's control group and scratch folder: those of one endpoint and slot follow each other.
    static func name(_ request: LaunchRequest) -> String {
        "\(request.endpoint).\(request.kind == .check ? "check" : request.slot.rawValue)"
    }

    private func check(_ path: String, _ what: String) throws(ContainmentError) {
        let code = containment_check_place(path)
        guard code == 0 else { throw .refused("\(what) \(path) can't be opened: \(systemMessage(code))") }
    }

    /// A path that another user chose must not make root show a runtime what that user may not see.
    private func checkTrust(_ path: String) throws(ContainmentError) {
        guard settings.trustsOwnFoldersOnly else { return }
        let trusted = ["/usr", "/opt"] + settings.readable
        let real = Self.realPath(path)
        let isTrusted = { (path: String) in trusted.contains { path.hasPrefix($0 + "/") } }
        guard isTrusted(path), let real, isTrusted(real) else {
            throw .refused("\(path) is in no folder that this launcher was told to trust (--read)")
        }
    }

    /// The folders of an interpreter: for every link on the way to the program, the folder above its `bin`.
    ///
    /// A virtual environment's `bin/python` links to the interpreter it was made from, which has the library.
    static func folders(ofInterpreter path: String) -> [String] {
        var folders: [String] = []
        var at = path
        // As many links as the kernel itself follows would be 40; interpreters have one to three.
        for _ in 0..<8 {
            folders.append(parent(of: parent(of: at)))
            guard let target = link(at) else { break }
            at = target.hasPrefix("/") ? target : parent(of: at) + "/" + target
        }
        if let real = realPath(path) { folders.append(parent(of: parent(of: real))) }
        var seen: Set<String> = []
        return folders.filter { $0 != "/" && !$0.isEmpty && seen.insert($0).inserted }
    }

    static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ""
    }

    package static func realPath(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
