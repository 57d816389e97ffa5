internal import CProcess
internal import Glibc

/// One output stream of a child: a pipe and what was read from it so far. Used by one thread.
final class OutputReader {
    /// Not blocking; -1 after end of file, which poll(2) skips.
    private(set) var readEnd: Int32
    /// For the child; see `closeWriteEnd`.
    private(set) var writeEnd: Int32
    private(set) var bytes: [UInt8] = []
    private let name: String
    private let program: String
    private let limitBytes: Int

    init(name: String, program: String, limitBytes: Int) throws(ProcessError) {
        var ends: [Int32] = [-1, -1]
        guard process_output_pipe(&ends) == 0 else {
            throw .notStarted(program: program, step: .prepare, detail: "a pipe", errno: errno)
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
        (self.name, self.program, self.limitBytes) = (name, program, limitBytes)
    }

    deinit {
        if readEnd >= 0 { close(readEnd) }
        closeWriteEnd()
    }

    func closeWriteEnd() {
        if writeEnd >= 0 { close(writeEnd) }
        writeEnd = -1
    }

    /// Reads what is there now. Throws when the limit is exceeded.
    func drain() throws(ProcessError) {
        while readEnd >= 0 {
            let count = withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { buffer in
                let count = read(readEnd, buffer.baseAddress, buffer.count)
                if count > 0 { bytes.append(contentsOf: buffer.prefix(count)) }
                return count
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            if count < 0 { throw .notObserved(program: program, errno: errno) }
            if bytes.count > limitBytes {
                throw .outputOverLimit(program: program, stream: name, limitBytes: limitBytes)
            }
            if count == 0 {
                close(readEnd)
                readEnd = -1
            }
        }
    }

    /// The last line that is not blank, at most 200 characters of it.
    var lastLine: String {
        let lines = String(decoding: bytes.suffix(4096), as: UTF8.self).split(whereSeparator: \.isNewline)
        let last = lines.last { !$0.allSatisfy(\.isWhitespace) } ?? ""
        return String(last.prefix(200))
    }
}
