import Glibc

/// Calls `body` with a new folder of a short path, and removes it with the files in it.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    var template = Array("/tmp/edge-sockets-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FolderError(code: errno) }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                withUnsafePointer(to: &entry.pointee.d_name.0) { _ = unlink(path + "/" + String(cString: $0)) }
            }
            closedir(folder)
        }
        rmdir(path)
    }
    return try body(path)
}

struct FolderError: Error {
    let code: Int32
}

func mode(of path: String) -> UInt32? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
}
