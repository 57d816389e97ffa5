import Diagnostics
import Glibc
import ONNXRuntime
import Testing

@Suite struct ONNXRuntimeLibraryTests {
    @Test func namesThePathWhereNoLibraryIs() {
        let path = "/nonexistent/libonnxruntime.so"
        let error = #expect(throws: ONNXRuntimeError.self) { try ONNXRuntimeLibrary(path: path) }
        #expect(error == .libraryNotFound(path: path))
        #expect(error?.exitCode == .incompatible)
        #expect(error?.message == "ONNX Runtime is not at /nonexistent/libonnxruntime.so")
    }

    @Test func doesNotTakeTheCurrentFolderForNoPath() {
        #expect(throws: ONNXRuntimeError.libraryNotFound(path: "")) { try ONNXRuntimeLibrary(path: "") }
    }

    @Test func saysWhyAFileIsNoLibrary() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("not a library".utf8, to: "libonnxruntime.so")
        let error = #expect(throws: ONNXRuntimeError.self) { try ONNXRuntimeLibrary(path: path) }
        guard case .libraryNotLoadable(path, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("file too short") || reason.contains("invalid ELF header"))
    }

    /// The dynamic loader maps what the headers promise, and a page behind the end of the file is fatal.
    @Test func refusesATruncatedLibraryWithoutTouchingIt() throws {
        let folder = try TemporaryFolder()
        guard let path = compile("int something[4096] = {1};", in: folder) else { return }
        truncate(path, 1000)
        let error = #expect(throws: ONNXRuntimeError.self) { try ONNXRuntimeLibrary(path: path) }
        #expect(error == .libraryNotLoadable(path: path, reason: "the file is truncated"))
    }

    @Test func refusesAnotherLibrary() throws {
        let folder = try TemporaryFolder()
        guard let path = compile("int something_else(void) { return 1; }", in: folder) else { return }
        #expect(throws: ONNXRuntimeError.notONNXRuntime(path: path)) { try ONNXRuntimeLibrary(path: path) }
    }

    @Test func refusesAnOlderONNXRuntimeAndNamesItsVersion() throws {
        let folder = try TemporaryFolder()
        let source = """
            static const void *get_api(unsigned version) { (void)version; return 0; }
            static const char *get_version(void) { return "1.16.3"; }
            static const struct { const void *(*a)(unsigned); const char *(*b)(void); } base = {get_api, get_version};
            const void *OrtGetApiBase(void) { return &base; }
            """
        guard let path = compile(source, in: folder) else { return }
        let error = #expect(throws: ONNXRuntimeError.self) { try ONNXRuntimeLibrary(path: path) }
        #expect(error == .libraryTooOld(path: path, version: "1.16.3"))
        #expect(error?.message == "ONNX Runtime at \(path) is version 1.16.3, older than 1.17")
        #expect(error?.exitCode == .incompatible)
    }

    /// The path of a shared library made from C source, or nil, with the reason printed, where there is no compiler.
    private func compile(_ source: String, in folder: TemporaryFolder) -> String? {
        guard let file = try? folder.write(source.utf8, to: "library.c") else { return nil }
        let library = "\(folder.path)/library.so"
        guard system("cc -shared -fPIC -o \(library) \(file) 2>/dev/null") == 0 else {
            print("not tested: cc is missing, so no stand-in library can be made")
            return nil
        }
        return library
    }
}

@Suite(.enabled(if: ONNXFixture.isAvailable, ONNXFixture.reason))
struct ONNXRuntimeLoadedLibraryTests {
    @Test func knowsItsVersion() throws {
        let library = try ONNXFixture.library()
        let parts = library.version.split(separator: ".").compactMap { Int($0) }
        #expect(parts.count == 3 && parts[0] == 1 && parts[1] >= 17, "\(library.version)")
    }

    @Test func canBeLoadedTwiceInOneProcess() throws {
        let first = try ONNXFixture.library()
        do { _ = try ONNXSession(library: ONNXFixture.library(), path: ONNXFixture.model("sum.onnx")) }
        let session = try ONNXSession(library: first, path: ONNXFixture.model("sum.onnx"))
        #expect(session.inputs.count == 2)
    }

    /// In a process of its own: threads and descriptors are the process's, and other tests make both.
    @Test func startsNoThreadOpensNothingAndWritesNothing() async {
        await #expect(processExitsWith: .success) {
            // The library's telemetry also stays silent when CI is set, which would hide it from this test.
            unsetenv("CI")
            let home = try TemporaryFolder()
            setenv("HOME", home.path, 1)
            unsetenv("XDG_CACHE_HOME")
            let threads = Set(directoryEntries("/proc/self/task"))
            let descriptors = OpenDescriptor.all()

            let session = try ONNXFixture.session("mlp.onnx")
            let input = Tensor(.float32, shape: [1, 64], numbers: [Float](repeating: 0.5, count: 64))
            #expect(try session.run(inputs: [(0, input)], outputs: [0, 1]).count == 2)

            #expect(Set(directoryEntries("/proc/self/task")).subtracting(threads).isEmpty)
            #expect(OpenDescriptor.all().subtracting(descriptors).isEmpty)
            #expect(home.entries.isEmpty)
            withExtendedLifetime(session) {}
        }
    }
}

/// A descriptor of this process and the file, socket or pipe it leads to. Timers and the like lead nowhere; the testing
/// library makes some at any time.
private struct OpenDescriptor: Hashable {
    let number: String
    let target: String

    static func all() -> Set<OpenDescriptor> {
        var descriptors: Set<OpenDescriptor> = []
        for number in directoryEntries("/proc/self/fd") {
            var buffer = [CChar](repeating: 0, count: 4096)
            // The one that read the directory is closed by now.
            guard readlink("/proc/self/fd/\(number)", &buffer, buffer.count - 1) > 0 else { continue }
            let target = buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
            guard !target.hasPrefix("anon_inode:") else { continue }
            descriptors.insert(OpenDescriptor(number: number, target: target))
        }
        return descriptors
    }
}
