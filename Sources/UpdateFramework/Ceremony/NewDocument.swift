package import JSON

/// A target's file that is to be stored with the version of the role that lists it.
package struct NewDocument: Sendable, Equatable {
    package let path: TargetPath
    package let contents: [UInt8]
    /// What the role is to list.
    package let file: TargetFile

    package init(_ contents: [UInt8], as path: TargetPath, custom: JSONObject? = nil) {
        self.path = path
        self.contents = contents
        file = TargetFile(length: contents.count, hashes: FileHashes(of: contents), custom: custom)
    }
}
