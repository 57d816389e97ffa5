package import FileSystem

/// Told of each call that changes the disk, before it is made: a port, so that a test can make the nth fail or look at
/// what a program that is killed there leaves behind.
package struct DiskChanges: Sendable {
    package enum Change: String, CaseIterable, Sendable {
        case create, write, synchronize, rename, link, remove
    }

    private let announce: @Sendable (Change, String) -> FileError?

    /// - Parameter announce: given the change and the path; the error that it gives is thrown in the call's place.
    package init(_ announce: @escaping @Sendable (Change, String) -> FileError?) { self.announce = announce }

    /// As they are.
    package static let plain = DiskChanges { _, _ in nil }

    func will(_ change: Change, _ path: String) throws(FileError) {
        if let error = announce(change, path) { throw error }
    }
}
