internal import CProcess
internal import Glibc

/// What a program that ran to its end left behind.
package struct ProcessResult: Sendable, Equatable {
    package var status: ExitStatus
    package var standardOutput: [UInt8]
    package var standardError: [UInt8]

    /// True when the program exited with code 0.
    package var isSuccess: Bool { status == .exited(0) }
    /// Standard output as text; bytes that are not UTF-8 become U+FFFD.
    package var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    /// Standard error as text; bytes that are not UTF-8 become U+FFFD.
    package var errorText: String { String(decoding: standardError, as: UTF8.self) }
}

/// Running programs to their end, and finding them.
package enum Processes {
    /// 16 MiB: far above what the tools we start print.
    package static let defaultOutputLimitBytes = 16 << 20

    /// Runs a program to its end and returns what it wrote. A status other than 0 is not an error.
    ///
    /// The program gets its input as a file (so `input` of any size can't block it), and its own process group; what it
    /// left running in that group is killed when it ends. When this process dies, the program is killed too.
    ///
    /// - Parameters:
    ///   - program: path of the program; see `find`.
    ///   - environment: the whole environment; nothing is inherited.
    ///   - outputLimitBytes: for standard output and standard error each.
    ///   - deadline: nil waits for ever. After it the group is killed with SIGKILL.
    /// - Throws: `ProcessError`.
    package static func run(
        _ program: String,
        arguments: [String] = [],
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        input: [UInt8] = [],
        outputLimitBytes: Int = defaultOutputLimitBytes,
        deadline: Duration? = nil
    ) throws(ProcessError) -> ProcessResult {
        var specification = ProcessSpecification(
            program: program,
            arguments: arguments,
            environment: environment,
            workingDirectory: workingDirectory,
            group: .new,
            parentDeathSignal: SIGKILL
        )
        let output = try OutputReader(name: "standard output", program: program, limitBytes: outputLimitBytes)
        let errors = try OutputReader(name: "standard error", program: program, limitBytes: outputLimitBytes)
        specification.descriptors = [1: output.writeEnd, 2: errors.writeEnd]
        let inputFile = try memoryFile(input, program: program)
        defer { if let inputFile { close(inputFile) } }
        if let inputFile { specification.descriptors[0] = inputFile }

        let child = try ChildProcess(specification)
        output.closeWriteEnd()
        errors.closeWriteEnd()
        let end = deadline.map { monotonicNow() + $0 }
        do {
            let status = try collect(from: child, output, errors, until: end)
            return ProcessResult(status: status, standardOutput: output.bytes, standardError: errors.bytes)
        } catch {
            // Whatever went wrong, nothing is left running.
            _ = try? child.killAndWait()
            if case .deadlineExceeded = error {
                throw .deadlineExceeded(program: program, deadline: deadline ?? .zero, lastWords: errors.lastLine)
            }
            throw error
        }
    }

    /// The path of a program: the first executable regular file of that name in the folders of `path` (as in PATH).
    ///
    /// A name with a slash stands for itself. Empty elements of `path`, which would mean the working directory, are skipped.
    package static func find(_ name: String, in path: String) -> String? {
        if name.utf8.contains(UInt8(ascii: "/")) { return isExecutable(name) ? name : nil }
        guard !name.isEmpty else { return nil }
        return path.split(separator: ":").lazy.map { "\($0)/\(name)" }.first(where: isExecutable)
    }

    /// This process's environment, for programs that should inherit it or parts of it.
    package static func inheritedEnvironment() -> [String: String] {
        var variables: [String: String] = [:]
        guard var entry = process_environment() else { return variables }
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2, !pair[0].isEmpty { variables[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return variables
    }

    /// A pipe for a child's output, both ends close-on-exec and the caller's; the reading end does not block.
    package static func outputPipe() throws(ProcessError) -> (readEnd: Int32, writeEnd: Int32) {
        var ends: [Int32] = [-1, -1]
        guard process_output_pipe(&ends) == 0 else {
            throw .notStarted(program: "a program", step: .prepare, detail: "a pipe", errno: errno)
        }
        return (ends[0], ends[1])
    }

    /// Raises this process's soft limit of open files to its hard limit; returns the limit that holds now.
    ///
    /// Children still start with the soft limit from before, since programs that use select(2) can't cope with
    /// descriptors above 1023. Again is harmless.
    @discardableResult
    package static func raiseOpenFileLimit() -> UInt64 { process_raise_open_files() }

    private static func isExecutable(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    private static func memoryFile(_ bytes: [UInt8], program: String) throws(ProcessError) -> Int32? {
        guard !bytes.isEmpty else { return nil }
        let descriptor = bytes.withUnsafeBytes { process_memory_file("input", $0.baseAddress, $0.count) }
        guard descriptor >= 0 else {
            throw .notStarted(program: program, step: .prepare, detail: "its input", errno: errno)
        }
        return descriptor
    }

    /// Reads both streams until the child has ended, then what is left in the pipes.
    ///
    /// Not until end of file: a grandchild may hold the pipes open for ever. It is killed once its parent has ended.
    private static func collect(
        from child: ChildProcess,
        _ output: OutputReader,
        _ errors: OutputReader,
        until end: Duration?
    ) throws(ProcessError) -> ExitStatus {
        while !child.hasEnded {
            let left = end.map { $0 - monotonicNow() }
            if let left, left <= .zero { throw .deadlineExceeded(program: "", deadline: .zero, lastWords: "") }
            // Without a pidfd the child is asked for every 20 ms.
            let pause = child.exitDescriptor == nil ? min(left ?? .seconds(1), .milliseconds(20)) : left
            var watched = [output.readEnd, errors.readEnd, child.exitDescriptor ?? -1]
                .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            _ = poll(&watched, nfds_t(watched.count), pause.map(pollMilliseconds) ?? -1)
            try output.drain()
            try errors.drain()
        }
        // The leader is not reaped yet, so that the group is certainly ours.
        child.signal(SIGKILL)
        try output.drain()
        try errors.drain()
        return try child.wait()
    }
}
