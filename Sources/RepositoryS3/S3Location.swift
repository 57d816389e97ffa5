/// A place in an object store: `s3://BUCKET/PREFIX`.
package struct S3Location: Sendable, Equatable {
    package let bucket: String
    /// Without slashes at its ends; may be empty.
    package let prefix: String
}
