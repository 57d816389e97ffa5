internal import HTTPServer

/// The query as it can be sent: every byte that isn't unreserved (RFC 3986) percent-encoded. Nil without items.
func encodedQuery(_ items: [HTTPQueryItem]) -> String? {
    guard !items.isEmpty else { return nil }
    return items.map { item in
        item.value.map { "\(percentEncoded(item.name))=\(percentEncoded($0))" } ?? percentEncoded(item.name)
    }.joined(separator: "&")
}

private func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        let scalar = Unicode.Scalar(byte)
        if scalar.isASCII,
            scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "-._~".utf8.contains(byte)
        {
            encoded.unicodeScalars.append(scalar)
        } else {
            let digits = String(byte, radix: 16, uppercase: true)
            encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
        }
    }
    return encoded
}
