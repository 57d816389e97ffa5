import Glibc

/// What clients call a server: the host of a URL.
package enum ServerName: Sendable, Hashable, CustomStringConvertible {
    /// A host name in ASCII, lower case. No wildcard.
    case dns(String)
    /// An address: 4 bytes of IPv4 or 16 of IPv6.
    case address([UInt8])

    /// An address as it is written without brackets, or a host name: labels of letters, digits and inner hyphens
    /// (RFC 1123), at most 253 bytes. Nil where it is neither.
    package init?(_ text: String) {
        if let bytes = ServerName.address(text) {
            self = .address(bytes)
            return
        }
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, labels.allSatisfy(ServerName.isLabel),
            // `1.2.3` is an address that somebody mistyped.
            labels.last?.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) == false
        else { return nil }
        self = .dns(text.lowercased())
    }

    private static func isLabel(_ label: Substring.UTF8View) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard (1...63).contains(label.count), label.first != hyphen, label.last != hyphen else { return false }
        return label.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen:
                true
            default: false
            }
        }
    }

    private static func address(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    package var description: String {
        switch self {
        case .dns(let name):
            return name
        case .address(let bytes):
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let family = bytes.count == 4 ? AF_INET : AF_INET6
            guard bytes.count == 4 || bytes.count == 16,
                inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil
            else { return "(no address)" }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
