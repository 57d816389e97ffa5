internal import Glibc

/// Names of the box's users.
package enum Accounts {
    /// A user by name or by number; a number needs no account, and its group then has the same number.
    package static func user(_ text: String) -> ContainedProgram.User? {
        if let number = UInt32(text), number != UInt32.max {
            return entry(of: number) ?? .init(user: number, group: number)
        }
        return withBuffer { entry, room, count, result in
            getpwnam_r(text, entry, room, count, result)
        }
    }

    private static func entry(of number: UInt32) -> ContainedProgram.User? {
        withBuffer { entry, room, count, result in
            getpwuid_r(number, entry, room, count, result)
        }
    }

    private static func withBuffer(
        _ call: (
            UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
        ) -> Int32
    ) -> ContainedProgram.User? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { buffer in
            var account = passwd()
            var found: UnsafeMutablePointer<passwd>?
            guard let room = buffer.baseAddress, call(&account, room, buffer.count, &found) == 0, found != nil else {
                return nil
            }
            return ContainedProgram.User(user: account.pw_uid, group: account.pw_gid)
        }
    }

    /// Whom a file belongs to; nil where there is none.
    package static func owner(of path: String) -> UInt32? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_uid : nil
    }
}
