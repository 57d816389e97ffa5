package import Diagnostics
import Glibc
import Synchronization

/// Where a program's output goes: a descriptor, or memory in tests.
package protocol ByteSink: Sendable {
    /// Writes all bytes, or throws.
    func write(_ bytes: RawSpan) throws(OutputError)
    /// Reports what the system tells only at the end, as network file systems do; nothing is written after it.
    func finish() throws(OutputError)
}

/// Why output could not be written.
package enum OutputError: ExplainedError, Equatable {
    /// The reader went away, as `head` does; nobody is left to tell.
    case closedByReader
    case failed(stream: String, reason: String)

    package var message: String {
        switch self {
        case .closedByReader: "the reader of the output went away"
        case .failed(let stream, let reason): "can't write to \(stream): \(reason)"
        }
    }

    package var exitCode: ExitCode { .ioError }
}

/// An open file descriptor, which it does not own.
package struct DescriptorSink: ByteSink {
    private let descriptor: Int32
    private let name: String

    /// The name is what messages call it: "standard output".
    package init(_ descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    package func write(_ bytes: RawSpan) throws(OutputError) {
        let failure = bytes.withUnsafeBytes { buffer -> Int32? in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count >= 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    // Whoever shares the terminal or pipe may have made it non-blocking.
                    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&request, 1, -1)
                } else if errno != EINTR {
                    return errno
                }
            }
            return nil
        }
        if let failure { throw error(failure) }
    }

    package func finish() throws(OutputError) {
        // Closing a copy makes the system tell of late errors and leaves the descriptor to its owner.
        let copy = dup(descriptor)
        guard copy >= 0 else { return }
        if close(copy) != 0, errno != EINTR { throw error(errno) }
    }

    private func error(_ code: Int32) -> OutputError {
        code == EPIPE ? .closedByReader : .failed(stream: name, reason: String(cString: strerror(code)))
    }
}

/// Keeps what was written, for tests; can be told to fail.
package final class MemorySink: ByteSink {
    private let bytes = Mutex<[UInt8]>([])
    private let failure: OutputError?

    package init(failure: OutputError? = nil) {
        self.failure = failure
    }

    /// What was written so far; bytes that are no UTF-8 are replaced.
    package var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    /// What was written so far.
    package var contents: [UInt8] { bytes.withLock { $0 } }

    package func write(_ span: RawSpan) throws(OutputError) {
        if let failure { throw failure }
        span.withUnsafeBytes { buffer in bytes.withLock { $0.append(contentsOf: buffer) } }
    }

    package func finish() throws(OutputError) {}
}
