import Crypto
import Digest
import FileSystem
import Glibc
import JSON
import Testing

@testable import BundleFormat

/// The signatures, keys and tree in Fixtures/oms; its README says how they were made.
enum OMSFixture {
    static let folder =
        String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex)) + "/Fixtures/oms"
    /// 2026-11-21 00:00 UTC, within the validity of all certificates.
    static let insideValidity: Int64 = 1_795_219_200
    /// 2037-01-01 00:00 UTC, after that of the leaf and the intermediate.
    static let afterValidity: Int64 = 2_114_380_800

    static func bytes(_ name: String) throws -> [UInt8] {
        try FileSystem.read("\(folder)/\(name)", limit: 1 << 20)
    }

    static func signature(_ name: String) throws -> OMSSignature {
        try OMSSignature.parse(try bytes(name), source: name)
    }

    static func publicKey(_ name: String) throws -> PublicKey {
        try PublicKey(pem: try bytes("keys/\(name).pub"), source: name)
    }

    static func privateKey(_ name: String) throws -> PrivateKey {
        try PrivateKey(pem: try bytes("keys/\(name).key"), source: name)
    }

    static func certificates(_ name: String) throws -> [Certificate] {
        try Certificate.parse(pem: try bytes("keys/\(name).pem"), source: name)
    }

    /// Runs a shell command and returns its exit status.
    static func run(_ command: String) -> Int32 {
        let status = system(command)
        return (status & 0x7F) == 0 ? (status >> 8) & 0xFF : -1
    }

    /// Unpacks `model.tar` into a folder and returns the path of `model`.
    static func unpackTree(into folder: String) throws -> String {
        try #require(run("tar -xf '\(OMSFixture.folder)/model.tar' -C '\(folder)'") == 0, "tar could not unpack")
        return "\(folder)/model"
    }

    /// Every file of a tree as a resource.
    static func resources(below tree: String) throws -> [OMSResource] {
        try FileSystem.files(below: tree, limit: 1000).map { file in
            OMSResource(
                name: file.path,
                digest: SHA256.digest(try FileSystem.read("\(tree)/\(file.path)", limit: 1 << 20))
            )
        }
    }

    /// The fixture tree's files, unpacked and removed again.
    static func treeResources() throws -> [OMSResource] {
        let directory = try TemporaryDirectory(prefix: "oms-tests")
        return try resources(below: try unpackTree(into: directory.path))
    }
}
