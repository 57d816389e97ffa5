package import BundleManifest
package import Digest
internal import JSON
internal import Zstd

extension ArchiveIndex {
    /// What the index says about its own parts: which frames each holds, and where in the index their sizes lie.
    ///
    /// It is all that a reader needs of the index before it knows which component it is after. Nothing here is signed:
    /// it says where bytes lie, and what they must be is known from elsewhere.
    package struct Directory: Equatable, Sendable {
        package struct Part: Equatable, Sendable {
            /// Nil for the head: the frames of the manifest and the tables.
            package let component: ComponentName?
            /// Bytes of the file that hold its frames.
            package let span: Range<Int>
            /// How many frames these are.
            package let frames: Int
            /// Bytes of the index's payload that hold the frames' sizes.
            package let sizes: Range<Int>

            /// As the index calls it.
            package var name: String { component?.rawValue ?? ArchiveIndex.headName }
        }

        /// The head first, then the components in archive order; without gaps, in the file and in the payload.
        package let parts: [Part]
        package let compressor: Compressor
        /// Of all bytes before the index.
        package let archiveDigest: SHA256Digest

        /// docs/format.md, bundle-23.
        static let limits = JSONLimits(bytes: 1 << 16, depth: 8, values: 1000)
        /// No offset in a file is larger: five components of 2^46 bytes lie well below.
        static let largestOffset = 1 << 50

        package var head: Part { parts[0] }
        /// Where the frame that ends the tar archive starts.
        package var end: Int { parts[parts.count - 1].span.upperBound }
        /// Bytes of the frames' sizes of all parts.
        var sizesLength: Int { parts[parts.count - 1].sizes.upperBound }

        /// The part of a component; nil where the archive has none.
        package subscript(component: ComponentName) -> Part? { parts.first { $0.component == component } }

        /// Reads the directory, strictly: what is accepted is what the writer makes of the same values.
        ///
        /// - Parameters:
        ///   - path: what messages call the file.
        ///   - offset: where the directory starts in it.
        package static func parse(_ text: [UInt8], of path: String, at offset: Int) throws(BundleError) -> Directory {
            do throws(JSONError) {
                let value = try JSONValue.parse(text, limits: limits)
                let directory = try Directory(JSONFields(value, path: "the index"))
                guard directory.encoded() == text else {
                    throw .unexpected(path: "the index", problem: "is not in its one form")
                }
                return directory
            } catch {
                throw .malformed(path: path, offset: offset, problem: error.message)
            }
        }

        /// Canonical JSON.
        func encoded() -> [UInt8] {
            let listed = parts.map { part -> JSONValue in
                [
                    "frames": .integer(part.frames), "length": .integer(part.sizes.count), "name": .string(part.name),
                    "offset": .integer(part.sizes.lowerBound), "start": .integer(part.span.lowerBound),
                ]
            }
            let directory = JSONValue.object([
                "compressor": [
                    "level": .integer(compressor.level), "library": .string(compressor.library),
                    "version": .string(compressor.version),
                ],
                "end": .integer(end), "parts": .array(listed), "schema": 1, "sha256": .string(archiveDigest.hex),
            ])
            // Integers and strings only: the canonical form always exists.
            return (try? directory.canonicalBytes()) ?? []
        }
    }
}

extension ArchiveIndex.Directory {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        _ = try fields.integer("schema", in: 1...1)
        let compressor = try fields.fields("compressor")
        self.compressor = Compressor(
            library: try compressor.string("library"),
            version: try compressor.string("version"),
            level: try compressor.integer("level", in: Int.min...Int.max)
        )
        guard let digest = SHA256Digest(hex: try fields.string("sha256")) else {
            throw fields.problem("sha256", "is no SHA-256 digest")
        }
        archiveDigest = digest
        parts = try Self.parts(of: fields)
    }

    /// The parts, which fit together without gaps.
    private static func parts(of fields: JSONFields) throws(JSONError) -> [Part] {
        let end = try fields.integer("end", in: 0...largestOffset)
        var listed: [JSONFields] = []
        for (index, element) in try fields.array("parts").enumerated() {
            listed.append(try JSONFields(element, path: "the index.parts[\(index)]"))
        }
        guard !listed.isEmpty, listed.count <= ComponentName.allCases.count + 1 else {
            throw fields.problem("parts", "are none, or more than there can be")
        }
        var starts: [Int] = []
        for part in listed { starts.append(try part.integer("start", in: 0...largestOffset)) }
        starts.append(end)

        var parts: [Part] = []
        var order = ComponentName.allCases[...]
        var sizesEnd = 0
        for (index, part) in listed.enumerated() {
            let name = try part.string("name")
            let component = ComponentName(rawValue: name)
            if let component, index > 0, let place = order.firstIndex(of: component) {
                order = order[(place + 1)...]
            } else if index > 0 || name != ArchiveIndex.headName {
                throw part.problem("name", "is \"\(name)\", which has no place here")
            }
            let length = try part.integer("length", in: 1...AppendedFrame.sizeLimit)
            // A size has at least one byte, so that a length bounds what its frames make a reader hold.
            let frames = try part.integer("frames", in: 1...length)
            _ = try part.integer("offset", in: sizesEnd...sizesEnd)
            guard starts[index] < starts[index + 1], index > 0 || starts[0] == 0 else {
                throw part.problem("start", "is not where the part before it ends")
            }
            let sizes = sizesEnd..<sizesEnd + length
            sizesEnd = sizes.upperBound
            parts.append(
                Part(component: component, span: starts[index]..<starts[index + 1], frames: frames, sizes: sizes)
            )
        }
        // The manifest and one table for each component.
        guard parts[0].frames == parts.count else { throw listed[0].problem("frames", "are not \(parts.count)") }
        return parts
    }
}

extension ArchiveIndex.Directory {
    /// No frame is larger than that of the largest table.
    private static let largestFrame = zstdBound(TableOfContents.limits.bytes + 2 * TarHeader.block)

    /// The sizes of a part's frames in order, from the bytes of the payload that the part names, and no others.
    ///
    /// - Parameters:
    ///   - path: what messages call the file.
    ///   - offset: where the bytes lie in it.
    package func frameSizes(
        of part: Part,
        from bytes: [UInt8],
        path: String,
        at offset: Int
    ) throws(BundleError) -> [Int] {
        var sizes: [Int] = []
        sizes.reserveCapacity(part.frames)
        var reader = LEB128Reader(bytes)
        var sum = 0
        while !reader.isAtEnd {
            let start = reader.offset
            guard let size = reader.next(), size > 0, size <= Self.largestFrame, sizes.count < part.frames else {
                let problem = "the index part \(part.name) holds no size of a frame"
                throw .malformed(path: path, offset: offset + start, problem: problem)
            }
            sizes.append(size)
            sum += size
        }
        guard sizes.count == part.frames, sum == part.span.count else {
            let problem =
                "the index part \(part.name) tells \(sizes.count) frames of \(sum) bytes together, "
                + "where there are \(part.frames) of \(part.span.count)"
            throw .malformed(path: path, offset: offset, problem: problem)
        }
        return sizes
    }
}

/// Unsigned LEB128 (DWARF 5, section 7.6) in its shortest form, up to 35 bits.
struct LEB128Reader {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    /// Nil where the number is unfinished, too large, or padded with zeros.
    mutating func next() -> Int? {
        var value = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            guard offset < bytes.count else { return nil }
            let byte = bytes[offset]
            offset += 1
            value |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return byte == 0 && shift > 0 ? nil : value }
        }
        return nil
    }

    static func append(_ value: Int, to bytes: inout [UInt8]) {
        var rest = UInt(value)
        repeat {
            let low = UInt8(rest & 0x7F)
            rest >>= 7
            bytes.append(rest == 0 ? low : low | 0x80)
        } while rest != 0
    }
}
