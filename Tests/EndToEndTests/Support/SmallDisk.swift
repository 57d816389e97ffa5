import FileSystem
import Glibc
import Processes

/// A file system in memory over a folder, which fills up when a test wants it to. Only root may mount.
final class SmallDisk {
    let path: String
    private var filler: String { "\(path)/filler" }

    /// nil, with the reason printed, where nothing can be mounted. What is in the folder is on the disk, too.
    init?(at folder: String, size: String) throws {
        path = folder
        try FileSystem.createDirectories(folder)
        let copy = "\(folder).copy"
        try Programs.succeed("/bin/cp", ["-a", folder, copy])
        defer { try? FileSystem.removeTree(copy) }
        let result = try Programs.run("/bin/mount", ["-t", "tmpfs", "-o", "mode=0700,size=\(size)", "tmpfs", folder])
        guard result.isSuccess else {
            print("not judged: no file system can be mounted here: \(result.errorText)")
            return nil
        }
        try Programs.succeed("/bin/cp", ["-a", "\(copy)/.", folder])
    }

    deinit { _ = try? Programs.run("/bin/umount", ["-l", path]) }

    /// Takes all the room there is.
    func fill() throws {
        let descriptor = open(filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXError(operation: "open \(filler)", code: errno) }
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0, count: 4096)
        while write(descriptor, block, block.count) > 0 {}
    }

    func makeRoom() throws { try FileSystem.removeFile(filler) }
}
