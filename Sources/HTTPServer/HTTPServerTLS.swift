internal import CHTTPServer

/// How a server speaks TLS: 1.2 and 1.3, with ephemeral keys and authenticated ciphers only.
package struct HTTPServerTLS: Sendable {
    /// PEM text: the server's certificate, then what leads from it to its authority.
    package var certificateChain: [UInt8]
    /// PEM text, unencrypted. Secret: it enters no message.
    package var privateKey: [UInt8]
    /// Which certificates clients show.
    package var clients: ClientCertificates

    package init(certificateChain: [UInt8], privateKey: [UInt8], clients: ClientCertificates = .notAsked) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.clients = clients
    }

    /// The longest PEM text that is read.
    static let limitBytes = 64 * 1024
}

/// What clients have to show. The server refuses by itself, in the handshake, with an alert that says why: no certificate
/// where one is required, one of another authority, one that has expired, one that is not made out for clients. What is
/// revoked it can't know; that is for the handler.
package enum ClientCertificates: Sendable, Equatable {
    case notAsked
    /// A client may show none; the handler sees that. One that is shown must be of these authorities (PEM text).
    case optional(authorities: [UInt8], expired: ExpiredClientCertificates = .refused)
    /// No request without a certificate of one of these authorities (PEM text).
    case required(authorities: [UInt8], expired: ExpiredClientCertificates = .refused)
}

/// What becomes of a client's certificate that has expired and is good otherwise.
package enum ExpiredClientCertificates: Sendable, Equatable {
    /// It is refused; a connection that is kept open longer than the certificate is valid is closed at its next request.
    case refused
    /// **The handler must refuse it itself**, by `ClientCertificate.isExpired`, wherever it does not renew certificates.
    case handedOver
}

/// The certificate of a client, found good in the handshake: issued by one of the authorities, made out for clients, the
/// client holding its key.
package struct ClientCertificate: Sendable, Equatable {
    package let derBytes: [UInt8]
    /// Has expired at the moment it was looked at. Always false unless expired ones are handed over.
    package let isExpired: Bool

    init?(_ exchange: OpaquePointer) {
        var length = 0
        var hasExpired = false
        guard let start = http_exchange_client_certificate(exchange, &length, &hasExpired) else { return nil }
        derBytes = [UInt8](UnsafeRawBufferPointer(start: start, count: length))
        isExpired = hasExpired
    }
}

/// What connections use, in C; one reference.
struct TLSHandle: ~Copyable {
    let pointer: OpaquePointer

    init(_ tls: HTTPServerTLS) throws(HTTPServerError) {
        let clients: http_clients
        let authorities: [UInt8]
        let expired: ExpiredClientCertificates
        switch tls.clients {
        case .notAsked: (clients, authorities, expired) = (HTTP_CLIENTS_NOT_ASKED, [], .refused)
        case .optional(let pem, let rule): (clients, authorities, expired) = (HTTP_CLIENTS_OPTIONAL, pem, rule)
        case .required(let pem, let rule): (clients, authorities, expired) = (HTTP_CLIENTS_REQUIRED, pem, rule)
        }
        for text in [tls.certificateChain, tls.privateKey, authorities] {
            guard text.count <= HTTPServerTLS.limitBytes, !text.contains(0) else {
                throw .unusableTLS(reason: "a certificate or key is longer than 64 KiB, or no text")
            }
        }
        var reason = [CChar](repeating: 0, count: Int(HTTP_TLS_REASON_SIZE))
        let made = withCText(tls.certificateChain) { chain in
            withCText(tls.privateKey) { key in
                withCText(authorities) { authorities in
                    var options = http_tls_options(
                        certificate_chain: chain,
                        key: key,
                        clients: clients,
                        client_authorities: authorities,
                        hands_over_expired: expired == .handedOver
                    )
                    return http_tls_create(&options, &reason)
                }
            }
        }
        guard let made else {
            let text = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw .unusableTLS(reason: String(decoding: text, as: UTF8.self))
        }
        pointer = made
    }

    deinit {
        http_tls_release(pointer)
    }
}

/// Lends the bytes to C with a NUL behind them.
private func withCText<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    (bytes + [0]).withUnsafeBytes { body($0.assumingMemoryBound(to: CChar.self).baseAddress) }
}
