import FileSystem
import Glibc
import Testing

@testable import Crypto

/// Files beside the tests.
enum Fixture {
    static let folder = String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex)) + "/Fixtures"

    static func bytes(_ name: String) throws -> [UInt8] {
        try FileSystem.read("\(folder)/\(name)", limit: 1 << 20)
    }

    static func publicKey(_ name: String) throws -> PublicKey {
        try PublicKey(pem: try bytes(name), source: name)
    }

    static func privateKey(_ name: String) throws -> PrivateKey {
        try PrivateKey(pem: try bytes(name), source: name)
    }

    static func certificates(_ name: String) throws -> [Certificate] {
        try Certificate.parse(pem: try bytes(name), source: name)
    }

    /// Runs a shell command and returns its exit status.
    static func run(_ command: String) -> Int32 {
        let status = system(command)
        return (status & 0x7F) == 0 ? (status >> 8) & 0xFF : -1
    }

    /// True where the openssl program is there to judge; else says so.
    static func hasOpenSSL() -> Bool {
        let found = run("openssl version >/dev/null 2>&1") == 0
        if !found { print("not judged by openssl: the program is not installed") }
        return found
    }
}

/// The bytes of a hexadecimal text.
func hex(_ text: String) -> [UInt8] {
    let digits = Array(text)
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
}
