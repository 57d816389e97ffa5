import Glibc
import Processes
import RuntimeControl
import Testing
import UnixSockets

/// What a runtime does when its agent asks the wrong thing, goes away, or changes its mind.
@Suite(.programs, .oneByOne) struct ControlledRuntimeTests {
    private let patience = ControlledRuntime.patience

    private func listen() throws -> (socket: ListeningSocket, port: UInt16) {
        let socket = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        guard case .tcp(_, let port) = socket.address else { throw Unexpected(what: "\(socket.address)") }
        return (socket, port)
    }

    @Test func itStandsByServesAndDrainsAsItIsTold() throws {
        let runtime = try ControlledRuntime(try Example.native.get().tree)
        let agent = try runtime.connected(in: .standby)
        let greeting = try agent.hello(milliseconds: patience)
        #expect(greeting.processID == runtime.process.processIdentifier)
        #expect(greeting.digest != nil && greeting.level == .manifest)
        #expect(throws: ControlError.self) { try agent.socket(milliseconds: patience) }
        #expect(try agent.counters(milliseconds: patience) == ServingCounters(latencies: LatencyCounts()))

        let (socket, port) = try listen()
        defer { socket.close() }
        try agent.accept(on: socket.descriptor, milliseconds: patience)
        let again = #expect(throws: ControlError.self) {
            try agent.accept(on: socket.descriptor, milliseconds: patience)
        }
        #expect(again?.message.contains("serving") == true)
        let client = try HTTPConnection(port: port)
        let request = try Example.native.get().request("seven")
        #expect(try client.ask("POST", "/v2/models/digits/infer", request).status == 200)
        #expect(try client.ask("POST", "/v2/models/digits/infer", "{").status == 400)
        let counters = try agent.counters(milliseconds: patience)
        #expect(counters.requests == 2 && counters.errors == 0 && counters.p99Microseconds > 0)

        try agent.drain(milliseconds: patience)
        try agent.drain(milliseconds: patience)
        #expect(try runtime.connect().hello(milliseconds: patience).state == .draining)
        // It is ready as far as this client is concerned, and closes with the answer.
        let last = try client.ask("GET", "/v2/health/ready")
        #expect(last.status == 200 && last.headers["connection"]?.lowercased() == "close")
        #expect(try runtime.end() == .exited(0))
        // Nobody serves now, and the socket is there all the same.
        _ = try HTTPConnection(port: port)
    }

    @Test func itServesOnWhenAgentsComeAndGo() throws {
        let runtime = try ControlledRuntime(try Example.native.get().tree)
        let (socket, port) = try listen()
        do {
            let agent = try runtime.connected(in: .standby)
            try agent.accept(on: socket.descriptor, milliseconds: patience)
            socket.close()
        }
        #expect(try HTTPConnection(port: port).ask("GET", "/v2/health/ready").status == 200)
        let adopting = try runtime.connected(in: .serving)
        let found = try adopting.socket(milliseconds: patience)
        #expect(
            try ListeningSocket(.inherited(descriptor: found.number)).address == .tcp(host: "127.0.0.1", port: port)
        )
        #expect(try HTTPConnection(port: port).ask("GET", "/v2/health/ready").status == 200)
        runtime.process.signal(SIGTERM)
        #expect(try runtime.end() == .exited(0))
    }

    @Test func itIsEndedWhileItStandsBy() throws {
        let drained = try ControlledRuntime(try Example.native.get().tree)
        try drained.connected(in: .standby).drain(milliseconds: patience)
        #expect(try drained.end() == .exited(0))
        let signalled = try ControlledRuntime(try Example.native.get().tree)
        _ = try signalled.connected(in: .standby)
        signalled.process.signal(SIGTERM)
        #expect(try signalled.end() == .exited(0))
    }

    @Test func whatIsNoListeningSocketIsRefusedAndItStandsByOn() throws {
        let runtime = try ControlledRuntime(try Example.native.get().tree)
        let agent = try runtime.connected(in: .standby)
        #expect(throws: ControlError.self) { try agent.accept(on: 0, milliseconds: patience) }
        let (socket, port) = try listen()
        defer { socket.close() }
        try agent.accept(on: socket.descriptor, milliseconds: patience)
        #expect(try HTTPConnection(port: port).ask("GET", "/v2/health/ready").status == 200)
    }

    @Test func aBundleThatCanNotBeLoadedEndsItWithTheReason() throws {
        let scratch = try Scratch()
        try scratch.write("no model", to: "model.onnx")
        let runtime = try ControlledRuntime(scratch("model.onnx"), ["--onnxruntime", "/nowhere/libonnxruntime.so"])
        #expect(try runtime.end() != .exited(0))
        #expect(runtime.restOfLog().contains("error: "))
    }

    @Test func aWorkerThatEndsIsCounted() throws {
        let scratch = try Scratch()
        _ = try scratch.folder("p")
        try scratch.write(
            "import os\ndef init(): pass\ndef run(data):\n    if b'end' in data.encode(): os._exit(3)\n    return 1\n",
            to: "p/score.py"
        )
        let runtime = try ControlledRuntime(scratch("p"), ["--python", Programs.python])
        let agent = try runtime.connected(in: .standby)
        let (socket, port) = try listen()
        defer { socket.close() }
        try agent.accept(on: socket.descriptor, milliseconds: patience)
        #expect(try HTTPConnection(port: port).ask("POST", "/score", "1").status == 200)
        #expect(try HTTPConnection(port: port).ask("POST", "/score", #""end""#).status == 502)
        #expect(try HTTPConnection(port: port).ask("POST", "/score", "1").status == 200)
        let counters = try agent.counters(milliseconds: patience)
        #expect(counters.requests == 3 && counters.errors == 1 && counters.restarts == 1, "\(counters)")
    }
}
