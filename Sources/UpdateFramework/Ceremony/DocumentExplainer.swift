package import Digest

/// What becomes of one listed document.
package struct DocumentChange: Sendable {
    package let path: String
    /// What the version before lists there.
    package let old: TargetFile?
    /// What is to be listed; nil where it is taken away.
    package let new: TargetFile?
    /// The new document, where the proposal brings it along.
    package let contents: [UInt8]?
}

/// Says what a document means, as sentences for the person who is to sign it, or nil for one of a kind not known; it is
/// then described by path and digest. The second argument is what the proposal brings along, by digest.
package typealias DocumentExplainer = (DocumentChange, [SHA256Digest: [UInt8]]) -> [String]?
