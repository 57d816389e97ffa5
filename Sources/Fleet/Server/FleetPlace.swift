internal import Diagnostics
internal import FileSystem
internal import JSON

/// How a fleet's server is reached, as it was last started: what tokens name, kept in the fleet's folder.
package struct FleetPlace: Hashable, Sendable {
    /// `https://HOST:PORT`, without a path.
    package var url: String
    /// The address that boxes come to.
    package var listen: String

    package static let defaultListen = "127.0.0.1:7443"
    package static let defaultURL = "https://127.0.0.1:7443"

    package init(url: String, listen: String) {
        self.url = url
        self.listen = listen
    }

    /// What stands in the folder; nil where no server was ever started there.
    package static func read(_ folder: FleetFolder) throws -> FleetPlace? {
        guard try FileSystem.status(of: folder.settings) != nil else { return nil }
        let bytes = try FileSystem.read(folder.settings, limit: 64 << 10)
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: .document), path: folder.settings)
        return FleetPlace(url: try fields.string("url"), listen: try fields.string("listen"))
    }

    /// Replaces what stands in the folder, where that differs.
    package func write(_ folder: FleetFolder) throws {
        try folder.withLock {
            if let there = try? Self.read(folder), there == self { return }
            let json: JSONValue = ["url": .string(url), "listen": .string(listen)]
            try FileSystem.write(json.prettyBytes(), to: folder.settings, mode: 0o600)
        }
    }

    /// The host of a server's URL, without brackets.
    ///
    /// - Throws: `FleetServerError.unusableURL` unless it is `https://HOST` or `https://HOST:PORT`.
    package static func host(of url: String) throws(FleetServerError) -> String {
        let problem = { (reason: String) in FleetServerError.unusableURL(url, reason: reason) }
        guard url.hasPrefix("https://") else { throw problem("it does not begin with https://") }
        guard url.utf8.count <= 300 else { throw problem("it is longer than 300 bytes") }
        let authority = url.dropFirst(8)
        guard authority.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !"/?#@\"'\\`$<>,".utf8.contains($0) }) else {
            throw problem("behind https:// there may be a host and a port, and nothing else")
        }
        var host = authority
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0 else {
                throw problem("its port is none")
            }
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw problem("it names no host") }
        return String(host)
    }
}
