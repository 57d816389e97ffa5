/// Cuts a stream of bytes into lines, each no longer than a limit: what a script prints must not fill our memory.
struct ScriptLineSplitter {
    let limitBytes: Int
    private var line: [UInt8] = []
    private var isCut = false

    /// 16 KiB: a line longer than that is data, not a message.
    init(limitBytes: Int = 16 << 10) {
        self.limitBytes = limitBytes
    }

    /// The lines that `bytes` complete. Bytes that are not UTF-8 become U+FFFD; blank lines are dropped.
    mutating func add(_ bytes: some Sequence<UInt8>) -> [(text: String, isCut: Bool)] {
        var lines: [(text: String, isCut: Bool)] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if let whole = end() { lines.append(whole) }
            } else if line.count < limitBytes {
                line.append(byte)
            } else {
                isCut = true
            }
        }
        return lines
    }

    /// The line that has not ended, at the end of the stream.
    mutating func end() -> (text: String, isCut: Bool)? {
        defer {
            line.removeAll(keepingCapacity: true)
            isCut = false
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line.isEmpty ? nil : (String(decoding: line, as: UTF8.self), isCut)
    }
}
