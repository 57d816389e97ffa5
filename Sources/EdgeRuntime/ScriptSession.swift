internal import CScriptWorker
internal import Glibc
internal import Processes

/// One life of a worker's process: the process, its socket and its output. Used by the supervisor's thread only, which
/// must be the one that made it (the process dies with that thread).
final class ScriptSession {
    let child: ChildProcess
    /// Owned; closed with the session.
    let socket: Int32
    let reader: ScriptFrameReader
    /// False once the socket is at its end, or what comes out of it can't be trusted.
    var isReadable = true
    private(set) var output: Int32
    private(set) var errors: Int32
    private var outputLines = ScriptLineSplitter()
    private var errorLines = ScriptLineSplitter()

    /// Reads the worker's source from the descriptor that its second argument names, and runs it as a module of its own:
    /// `__main__` stays empty, so that nothing of ours is in a script's way.
    private static let bootstrap = """
        import os, sys
        source, channel = int(sys.argv[2]), int(sys.argv[1])
        text = b"".join(iter(lambda: os.read(source, 65536), b""))
        os.close(source)
        worker = type(sys)("edge_worker")
        worker.__file__ = "edge-worker.py"
        exec(compile(text, worker.__file__, "exec"), worker.__dict__)
        worker.main(channel)
        """

    init(_ configuration: ScriptConfiguration, scratch: ScriptScratch.Layout) throws(ScriptError) {
        var ends: [Int32] = [-1, -1]
        guard script_channel_open(&ends) == 0 else { throw .resources(errno: errno) }
        var owned = ends
        var borrowed: [Int32] = [ends[1]]
        do {
            let source = try Self.sourceFile()
            owned.append(source)
            borrowed.append(source)
            let outputPipe = try Processes.outputPipe()
            owned += [outputPipe.readEnd, outputPipe.writeEnd]
            let errorPipe = try Processes.outputPipe()
            owned += [errorPipe.readEnd, errorPipe.writeEnd]
            borrowed += [outputPipe.writeEnd, errorPipe.writeEnd]
            child = try ChildProcess(
                Self.specification(
                    configuration,
                    scratch,
                    [1: outputPipe.writeEnd, 2: errorPipe.writeEnd, 3: ends[1], 4: source]
                )
            )
            (socket, output, errors) = (ends[0], outputPipe.readEnd, errorPipe.readEnd)
            reader = ScriptFrameReader(payloadLimitBytes: configuration.payloadLimitBytes)
        } catch {
            for descriptor in owned { close(descriptor) }
            switch error {
            case let error as ProcessError: throw .notStarted(script: configuration.script, cause: error)
            case let error as ScriptSystemError: throw .resources(errno: error.errno)
            default: throw .resources(errno: EIO)
            }
        }
        for descriptor in borrowed { close(descriptor) }
    }

    deinit {
        close(socket)
        if output >= 0 { close(output) }
        if errors >= 0 { close(errors) }
    }

    private static func specification(
        _ configuration: ScriptConfiguration,
        _ scratch: ScriptScratch.Layout,
        _ descriptors: [Int32: Int32]
    ) -> ProcessSpecification {
        // -I: no PYTHON* variables, no user packages; -B: no bytecode files; -S: not the interpreter's own packages.
        let isolation = configuration.usesInterpreterPackages ? ["-I", "-B"] : ["-I", "-B", "-S"]
        return ProcessSpecification(
            program: configuration.interpreter.path,
            arguments: isolation + ["-X", "utf8", "-c", bootstrap, "3", "4"],
            environment: configuration.processEnvironment(in: scratch),
            workingDirectory: scratch.appRoot,
            descriptors: descriptors,
            group: .new,
            parentDeathSignal: SIGKILL,
            limits: configuration.limits,
            mayGainPrivileges: false
        )
    }

    private static func sourceFile() throws(ScriptSystemError) -> Int32 {
        var count = 0
        let bytes = script_worker_source(&count)
        let descriptor = script_sealed_memory("edge-worker.py", bytes, count)
        guard descriptor >= 0 else { throw ScriptSystemError(errno: errno) }
        return descriptor
    }

    /// The lines that the worker has written since the last call. A line that has not ended waits, unless `atEnd`.
    func takeLines(atEnd: Bool = false) -> [ScriptLogLine] {
        Self.drain(&output, into: &outputLines, .standardOutput, atEnd)
            + Self.drain(&errors, into: &errorLines, .standardError, atEnd)
    }

    /// At most what a pipe holds at once, so that a worker that never stops printing can't keep us here.
    private static func drain(
        _ descriptor: inout Int32,
        into splitter: inout ScriptLineSplitter,
        _ source: ScriptLogLine.Source,
        _ atEnd: Bool
    ) -> [ScriptLogLine] {
        guard descriptor >= 0 else { return [] }
        var lines: [(text: String, isCut: Bool)] = []
        let file = descriptor
        let count = withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 1) { room in
            let count = read(file, room.baseAddress, room.count)
            if count > 0 { lines = splitter.add(room.prefix(count)) }
            return count
        }
        if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR {
            close(descriptor)
            descriptor = -1
        }
        if atEnd || descriptor < 0, let last = splitter.end() { lines.append(last) }
        return lines.map { ScriptLogLine(source: source, text: $0.text, isCut: $0.isCut) }
    }
}
