import Containment
import FileSystem
import Glibc
import Processes
import RuntimeControl
import RuntimeLaunch
import Testing
import UnixSockets

/// The real runtime with a real Python worker inside its containment, started by the real launcher.
@Suite struct ContainedRuntimeTests {
    private static let folder = Processes.inheritedEnvironment()["EDGE_BIN"] ?? ""
    private static let isBuilt = ["edgelaunch", "edgeruntime"].allSatisfy { access("\(folder)/\($0)", X_OK) == 0 }
    private static let python = "/usr/bin/python3"
    private static let canRun = isBuilt && access(python, X_OK) == 0
    private static let reason: Comment = "EDGE_BIN names no folder with edgelaunch and edgeruntime, or no \(python)"

    /// Tries what a script has no business doing, and answers with what came of it.
    private static let script = """
        import ctypes, os, socket, subprocess, tempfile

        def attempt(name, action):
            try:
                action()
                return name + ":done"
            except Exception as error:
                return name + ":" + type(error).__name__

        def init():
            pass

        def run(data):
            return [
                attempt("network", lambda: socket.socket(socket.AF_INET).connect(("127.0.0.1", 9))),
                attempt("usr", lambda: open("/usr/edge-was-here", "w")),
                attempt("shadow", lambda: open("/etc/shadow").read()),
                attempt("secret", lambda: open("SECRET").read()),
                attempt("model", lambda: open("GENERATION/score.py", "a")),
                attempt("scratch", lambda: tempfile.TemporaryFile().write(b"x")),
                attempt("child", lambda: subprocess.check_output(["/bin/echo", "x"])),
                attempt("agent", lambda: os.kill(AGENT, 0)),
            ]
        """

    @Test(.enabled(if: canRun, reason)) func aScriptServesAndDoesNotGetOut() throws {
        let fixture = try LaunchFixture()
        let secret = fixture.store + "/box.json"
        try FileSystem.write(Array("secret".utf8), to: secret)
        let text = Self.script.replacing("SECRET", with: secret).replacing("GENERATION", with: fixture.generation)
            .replacing("AGENT", with: "\(getpid())")
        try FileSystem.write(Array(text.utf8), to: fixture.generation + "/score.py")

        let controlPath = fixture.folder + "/control"
        let control = try MessageListener(path: controlPath)
        let log = open(fixture.folder + "/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(log) }
        let launcher = RuntimeLauncher.program(path: Self.folder + "/edgelaunch", store: fixture.store)
        var request = try fixture.request()
        request.python = Self.python
        request.memoryLimitBytes = 256 << 20
        let reply = try launcher.launch(request, channel: control.descriptor, log: log)
        control.close(removingFile: false)
        guard case .started(let process, let containment) = reply else {
            Issue.record("\(reply)")
            return
        }
        let handle = try #require(try ProcessHandle.open(process))
        defer { _ = try? handle.signal(SIGKILL) }

        let connection = try RuntimeConnection.connect(to: controlPath, milliseconds: 5000)
        while try connection.hello(milliseconds: 5000).state == .loading { usleep(10_000) }
        #expect(try connection.hello(milliseconds: 5000).state == .standby)
        let listening = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        try connection.accept(on: listening.descriptor, milliseconds: 5000)
        let answer = try Self.post("[]", to: listening.address)
        listening.close()

        #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
        #expect(answer.contains("scratch:done"))
        #expect(answer.contains("child:done"))
        let has = { (layer: ContainmentLayer) in containment[layer].state == .applied }
        for layer in containment.layers where layer.state != .applied {
            print("not applied here: \(layer.layer.rawValue): \(layer.reason)")
        }
        if has(.seccomp) || has(.net) { #expect(!answer.contains("network:done")) }
        if has(.landlock) || has(.mount) {
            for name in ["usr", "shadow", "secret", "model"] { #expect(!answer.contains("\(name):done"), "\(answer)") }
        }
        if has(.pid) { #expect(answer.contains("agent:ProcessLookupError"), "\(answer)") }

        try connection.drain(milliseconds: 5000)
        #expect(try handle.wait(milliseconds: 20_000))
    }

    /// One request over a connection of its own, and all that is answered.
    private static func post(_ body: String, to address: ListenAddress) throws -> String {
        guard case .tcp(_, let port) = address else { return "" }
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(client) }
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(connected)
        let request =
            "POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Connection: close\r\n\r\n\(body)"
        try #require(send(client, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count)
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(client, &piece, piece.count, 0), count > 0 { answer += piece[..<count] }
        return String(decoding: answer, as: UTF8.self)
    }
}
