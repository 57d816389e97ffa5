/// The tar header of a file as a pure function of its path, mode and size: what the writer writes and what the reader
/// makes again and compares. POSIX.1-1988 ustar; a pax record only where ustar can't hold the path or the size.
package enum TarHeader {
    /// Tar's unit.
    package static let block = 512
    /// 1980-01-01T00:00:00Z, the oldest time that zip-minded tools can hold, for every entry.
    static let modificationTime = 315_532_800
    /// The largest size that eleven octal digits hold.
    static let largestSize = 0o77_777_777_777
    /// What ends a tar archive.
    package static let end = [UInt8](repeating: 0, count: 2 * block)

    /// The header blocks of a regular file.
    package static func bytes(path: String, isExecutable: Bool, size: Int) -> [UInt8] {
        let split = splitForUstar(path)
        var records = ""
        if split == nil { records += paxRecord("path", path) }
        if size > largestSize { records += paxRecord("size", String(size)) }
        var header: [UInt8] = []
        if !records.isEmpty {
            let data = Array(records.utf8)
            header += ustar(name: "PaxHeader", prefix: "", mode: 0o644, size: data.count, type: UInt8(ascii: "x"))
            header += data + [UInt8](repeating: 0, count: padding(after: data.count))
        }
        // With a pax path the ustar name is only for readers that know no pax: as much of the end as fits.
        let name = split?.name ?? String(decoding: path.utf8.suffix(100).map { $0 < 0x80 ? $0 : 0x5F }, as: UTF8.self)
        let mode = isExecutable ? 0o755 : 0o644
        let writtenSize = min(size, largestSize)
        return header
            + ustar(name: name, prefix: split?.prefix ?? "", mode: mode, size: writtenSize, type: UInt8(ascii: "0"))
    }

    /// Zero bytes from the end of `size` bytes of content to the next block.
    package static func padding(after size: Int) -> Int { (block - size % block) % block }

    /// The path as ustar holds it, split at the first slash that leaves a name of at most 100 bytes; nil where it can't
    /// or where the path isn't ASCII (whose reading ustar leaves to the locale).
    private static func splitForUstar(_ path: String) -> (prefix: String, name: String)? {
        let bytes = Array(path.utf8)
        guard bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        if bytes.count <= 100 { return ("", path) }
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") && bytes.count - index - 1 <= 100 {
            guard index <= 155, index > 0 else { return nil }
            let prefix = String(decoding: bytes[..<index], as: UTF8.self)
            return (prefix, String(decoding: bytes[(index + 1)...], as: UTF8.self))
        }
        return nil
    }

    /// `LENGTH KEY=VALUE\n`, where LENGTH counts itself.
    private static func paxRecord(_ key: String, _ value: String) -> String {
        let rest = key.utf8.count + value.utf8.count + 3
        var length = rest + 1
        while String(length).utf8.count + rest != length { length = String(length).utf8.count + rest }
        return "\(length) \(key)=\(value)\n"
    }

    private static func ustar(name: String, prefix: String, mode: Int, size: Int, type: UInt8) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func put(_ text: some Sequence<UInt8>, at offset: Int) {
            for (index, byte) in text.enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int, digits: Int) -> [UInt8] {
            let text = String(value, radix: 8)
            return Array((String(repeating: "0", count: digits - text.count) + text).utf8)
        }
        put(name.utf8, at: 0)
        put(octal(mode, digits: 7), at: 100)
        put(octal(0, digits: 7), at: 108)
        put(octal(0, digits: 7), at: 116)
        put(octal(size, digits: 11), at: 124)
        put(octal(modificationTime, digits: 11), at: 136)
        header[156] = type
        put("ustar\u{0}00".utf8, at: 257)
        put(octal(0, digits: 7), at: 329)
        put(octal(0, digits: 7), at: 337)
        put(prefix.utf8, at: 345)
        // The sum is taken with its own field as spaces.
        for index in 148..<156 { header[index] = UInt8(ascii: " ") }
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, digits: 6) + [0, UInt8(ascii: " ")], at: 148)
        return header
    }
}
