import Diagnostics
import Glibc
import ONNXRuntime
import Synchronization
import Testing

@Suite(.enabled(if: ONNXFixture.isAvailable, ONNXFixture.reason))
struct ONNXSessionTests {
    @Test func describesInputsAndOutputs() throws {
        let session = try ONNXFixture.session("mlp.onnx")
        let batch = Dimension(size: -1, symbol: "batch")
        #expect(
            session.inputs == [
                ValueDescription(name: "X", kind: .tensor(.float32, dimensions: [batch, Dimension(size: 64)]))
            ]
        )
        #expect(
            session.outputs == [
                ValueDescription(name: "label", kind: .tensor(.int64, dimensions: [batch])),
                ValueDescription(
                    name: "probabilities",
                    kind: .tensor(.float32, dimensions: [batch, Dimension(size: 10)])
                ),
            ]
        )
    }

    /// Answers computed with numpy from the same weights.
    @Test(arguments: ["mlp.onnx", "mlp.ort", "external.onnx"])
    func answersAsNumpyDoes(model: String) throws {
        let session = try ONNXFixture.session(model)
        let input = Tensor(.float32, shape: [2, 64], numbers: (0..<128).map { Float($0) / 128 })
        let outputs = try session.run(inputs: [(0, input)], outputs: [0, 1])
        let (label, probabilities) = try (tensor(outputs[0]), tensor(outputs[1]))
        #expect(label.shape == [2])
        #expect(label.numbers(as: Int64.self) == [5, 5])
        #expect(probabilities.shape == [2, 10])
        let expected: [Float] = [
            0.0913869, 0.09938747, 0.10078938, 0.09069715, 0.09664104, 0.1173841, 0.09740572, 0.09863889, 0.10833289,
            0.09933645, 0.08123956, 0.10734013, 0.09205399, 0.08905628, 0.10287102, 0.12492548, 0.09172495, 0.09706057,
            0.10730189, 0.1064261,
        ]
        let values = probabilities.numbers(as: Float.self)
        for (value, wanted) in zip(values, expected) { #expect(abs(value - wanted) < 1e-6) }
        #expect(values.count == expected.count)
    }

    @Test func givesOutputsInTheOrderAskedFor() throws {
        let session = try ONNXFixture.session("mlp.onnx")
        let input = Tensor(.float32, shape: [1, 64], numbers: [Float](repeating: 0, count: 64))
        let outputs = try session.run(inputs: [(0, input)], outputs: [1, 0])
        #expect(try tensor(outputs[0]).elementType == .float32)
        #expect(try tensor(outputs[1]).elementType == .int64)
        #expect(try session.run(inputs: [(0, input)], outputs: [1]).count == 1)
    }

    @Test(arguments: ElementType.allCases.filter { $0 != .bytes })
    func passesEveryNumberThrough(type: ElementType) throws {
        let session = try ONNXFixture.session("identity_\(type.name.lowercased()).onnx")
        #expect(session.inputs[0].kind.tensor?.elementType == type)
        // Any pattern of bits, apart from BOOL.
        let count = 3 * 2 * type.byteCount
        let bytes = (0..<count).map { type == .bool ? UInt8($0 % 2) : UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        let memory = OwnedTensorMemory(byteCount: count) { $0.copyBytes(from: bytes) }
        let input = Tensor(elementType: type, shape: [3, 2], memory: memory)
        let output = try tensor(session.run(inputs: [(0, input)], outputs: [0])[0])
        #expect(output.elementType == type)
        #expect(output.shape == [3, 2])
        #expect(output.withBytes { Array($0) } == bytes)
    }

    @Test func passesStringsThrough() throws {
        let session = try ONNXFixture.session("identity_bytes.onnx")
        let strings = ["", "a", "zwölf", "with\0nul", "🦆", String(repeating: "long", count: 1000)]
        let input = Tensor(shape: [3, 2], strings: strings)
        let output = try tensor(session.run(inputs: [(0, input)], outputs: [0])[0])
        #expect(output.shape == [3, 2])
        #expect(output.strings == strings)
    }

    @Test(arguments: [ElementType.float32, .bytes])
    func passesNoRowsThrough(type: ElementType) throws {
        let session = try ONNXFixture.session("identity_\(type.name.lowercased()).onnx")
        let input =
            type == .bytes ? Tensor(shape: [0, 2], strings: []) : Tensor(type, shape: [0, 2], numbers: [Float]())
        let output = try tensor(session.run(inputs: [(0, input)], outputs: [0])[0])
        #expect(output.shape == [0, 2])
        #expect(output.elementCount == 0)
    }

    @Test func outputOutlivesItsSession() throws {
        func run() throws -> Tensor {
            let input = Tensor(.float32, shape: [1, 2], numbers: [Float(1), 2])
            return try tensor(ONNXFixture.session("identity_fp32.onnx").run(inputs: [(0, input)], outputs: [0])[0])
        }
        #expect(try run().numbers(as: Float.self) == [1, 2])
    }

    @Test func readsProbabilitiesByName() throws {
        let maps = try probabilityMaps("zipmap_strings.onnx", keys: .bytes)
        #expect(maps[0].entries.map(\.key) == [.string("setosa"), .string("versicolor"), .string("virginica")])
        #expect(abs(maps[0].entries[0].probability - 0.98165685) < 1e-5)
        #expect(abs(maps[1].entries[1].probability - 0.93513167) < 1e-5)
    }

    @Test func readsProbabilitiesByNumber() throws {
        let maps = try probabilityMaps("zipmap_integers.onnx", keys: .int64)
        #expect(maps[1].entries.map(\.key) == [.integer(0), .integer(1), .integer(2)])
        #expect(abs(maps[1].entries[2].probability - 0.05641136) < 1e-5)
    }

    @Test func refusesAnOutputItCannotRead() throws {
        let session = try ONNXFixture.session("sequence.onnx")
        let input = Tensor(.float32, shape: [2, 3], numbers: [Float](repeating: 1, count: 6))
        let error = #expect(throws: ONNXRuntimeError.self) { try session.run(inputs: [(0, input)], outputs: [0, 1]) }
        #expect(error?.message == "output \"parts\" is a sequence of tensors, which can't be read")
        #expect(try session.run(inputs: [(0, input)], outputs: [0]).count == 1)
    }

    @Test func namesTheInputThatDoesNotFit() throws {
        let session = try ONNXFixture.session("mlp.onnx")
        let short = Tensor(.float32, shape: [1, 63], numbers: [Float](repeating: 0, count: 63))
        let error = #expect(throws: ONNXRuntimeError.self) { try session.run(inputs: [(0, short)], outputs: [0]) }
        #expect(error?.message == "input \"X\" must be FP32 [batch, 64], but FP32 [1, 63] was given")
        #expect(error?.exitCode == .dataError)
        let integers = Tensor(.int64, shape: [1, 64], numbers: [Int64](repeating: 0, count: 64))
        #expect(throws: ONNXRuntimeError.self) { try session.run(inputs: [(0, integers)], outputs: [0]) }
    }

    @Test func namesTheInputThatIsMissing() throws {
        let session = try ONNXFixture.session("sum.onnx")
        let input = Tensor(.float32, shape: [1, 2], numbers: [Float(1), 2])
        let missing = #expect(throws: ONNXRuntimeError.self) { try session.run(inputs: [(0, input)], outputs: [0]) }
        #expect(missing?.message == "model \(session.modelPath): input \"right\" is missing")
        #expect(throws: ONNXRuntimeError.self) {
            try session.run(inputs: [(0, input), (0, input)], outputs: [0])
        }
    }

    @Test func explainsWhyARunFailed() throws {
        let session = try ONNXFixture.session("sum.onnx")
        let two = Tensor(.float32, shape: [2, 2], numbers: [Float](repeating: 1, count: 4))
        let three = Tensor(.float32, shape: [3, 2], numbers: [Float](repeating: 1, count: 6))
        let error = #expect(throws: ONNXRuntimeError.self) {
            try session.run(inputs: [(0, two), (1, three)], outputs: [0])
        }
        guard case .runFailed(session.modelPath, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("Add"))
    }

    @Test func cancellingEndsARun() throws {
        let session = try ONNXFixture.session("endless.onnx")
        let cancellation = try RunCancellation(library: session.library)
        // Cancelled while it runs, or before it starts: it ends either way, which nothing else makes it do.
        let canceller = try Thread { cancellation.cancel() }
        let trips = Tensor(.int64, shape: [], numbers: [Int64.max])
        #expect(throws: ONNXRuntimeError.cancelled(model: session.modelPath)) {
            try session.run(inputs: [(0, trips)], outputs: [0], cancellation: cancellation)
        }
        canceller.join()
        let three = Tensor(.int64, shape: [], numbers: [Int64(3)])
        let output = try tensor(session.run(inputs: [(0, three)], outputs: [0])[0])
        #expect(output.numbers(as: Int64.self) == [3])
    }

    @Test func runsOnManyThreadsAtOnce() throws {
        let session = try ONNXFixture.session("identity_fp32.onnx")
        let wrong = Atomic(0)
        let threads = try (0..<4).map { thread in
            try Thread { @Sendable in
                for round in 0..<200 {
                    let numbers = [Float(thread), Float(round)]
                    let input = Tensor(.float32, shape: [1, 2], numbers: numbers)
                    let output = try? session.run(inputs: [(0, input)], outputs: [0]).first
                    guard case .tensor(let tensor) = output, tensor.numbers(as: Float.self) == numbers else {
                        wrong.add(1, ordering: .relaxed)
                        continue
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }

    @Test(arguments: ["garbage", "ORTM", "", "\u{8}\u{8}ORTM garbage in ORT format"])
    func explainsWhyAModelDoesNotLoad(content: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(content.utf8, to: "model.onnx")
        let error = #expect(throws: ONNXRuntimeError.self) {
            try ONNXSession(library: ONNXFixture.library(), path: path)
        }
        #expect(error?.message.contains(path) == true)
        #expect(error?.exitCode == .modelNotLoaded)
    }

    private func probabilityMaps(_ model: String, keys: ElementType) throws -> [ProbabilityMap] {
        let session = try ONNXFixture.session(model)
        #expect(session.outputs[1].kind == .probabilityMaps(keys: keys))
        let flowers: [Float] = [5.1, 3.5, 1.4, 0.2, 6.2, 2.9, 4.3, 1.3]
        let outputs = try session.run(
            inputs: [(0, Tensor(.float32, shape: [2, 4], numbers: flowers))],
            outputs: [0, 1]
        )
        guard case .probabilityMaps(let maps) = outputs[1] else {
            Issue.record("\(outputs[1])")
            return []
        }
        try #require(maps.count == 2)
        return maps
    }
}

@Suite struct ModelFileTests {
    @Test(arguments: ["/nonexistent/model.onnx", "/tmp", "/dev/null"])
    func namesWhatItCannotRead(path: String) {
        let error = #expect(throws: ONNXRuntimeError.self) { try ModelFile(path: path) }
        #expect(error?.message.hasPrefix("model \(path) can't be read: ") == true)
        #expect(error?.exitCode == .modelNotLoaded)
    }

    @Test func lendsTheBytesOfTheFile() throws {
        let folder = try TemporaryFolder()
        let model = try ModelFile(path: folder.write([1, 2, 3, 4, 0x4F, 0x52, 0x54, 0x4D], to: "m"))
        #expect(model.withBytes { Array($0) } == [1, 2, 3, 4, 0x4F, 0x52, 0x54, 0x4D])
        #expect(model.isORTFormat)
        #expect(try ModelFile(path: ONNXFixture.model("mlp.ort")).isORTFormat)
        #expect(try !ModelFile(path: ONNXFixture.model("mlp.onnx")).isORTFormat)
    }
}

/// The tensor of an output that is one.
func tensor(_ value: ONNXValue) throws -> Tensor {
    guard case .tensor(let tensor) = value else { throw ONNXRuntimeError.outputUnsupported(name: "", kind: "") }
    return tensor
}

/// A thread of the test's own, as a run blocks the thread it is made on.
private final class Thread {
    private var handle = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) throws {
        let box = Unmanaged.passRetained(Body(run: body))
        let result = pthread_create(
            &handle,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            box.toOpaque()
        )
        try #require(result == 0)
    }

    func join() { pthread_join(handle, nil) }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
