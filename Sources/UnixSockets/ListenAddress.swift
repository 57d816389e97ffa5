/// Where a server listens.
package enum ListenAddress: Equatable, Sendable, CustomStringConvertible {
    /// An IPv4 or IPv6 address in digits, such as `127.0.0.1` or `::1`; names are not looked up. Port 0 takes any that is
    /// free.
    case tcp(host: String, port: UInt16)
    /// A Unix socket at that path, of mode 0660. A socket file that nobody listens on any more is replaced.
    case unix(path: String)
    /// A socket that already listens, handed over by another process or by systemd. The server owns the descriptor.
    case inherited(descriptor: Int32)

    /// As it stands in messages: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/x.sock`, `descriptor 3`.
    package var description: String {
        switch self {
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .inherited(let descriptor): "descriptor \(descriptor)"
        }
    }
}

extension ListenAddress {
    /// Whether this address, taken by a socket, is surely not the one that was asked for. A host may be spelled in many
    /// ways, and port 0 becomes any: neither counts.
    package func isElsewhere(than wanted: ListenAddress) -> Bool {
        switch (self, wanted) {
        case (.tcp(_, let taken), .tcp(_, let port)): port != 0 && taken != port
        case (.unix(let taken), .unix(let path)): taken != path
        case (.tcp, .unix), (.unix, .tcp): true
        case (.inherited, _), (_, .inherited): false
        }
    }

    /// From `HOST:PORT`, an IPv6 address in brackets; nil for anything else.
    package init?(tcp text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self = .tcp(host: String(host), port: port)
    }

    /// From `HOST:PORT`, or the absolute path of a Unix socket, also as `unix:PATH`; nil for anything else.
    package init?(_ text: String) {
        let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
        if path.hasPrefix("/") { self = .unix(path: path) } else { self.init(tcp: text) }
    }
}
