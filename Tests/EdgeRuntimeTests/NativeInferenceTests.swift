import HTTPServer
import ONNXRuntime
import Synchronization
import Testing

@testable import EdgeRuntime

@Suite struct RunTimeEstimateTests {
    @Test func whatIsNotKnownIsNotQuick() { #expect(!RunTimeEstimate().isQuick(bytes: 1)) }

    @Test(arguments: [(100, 2_000, true), (100, 2_000_000, false), (5_000, 2_000, false)])
    func judgesByTimeAndLength(microseconds: UInt64, bytes: Int, isQuick: Bool) {
        let estimate = RunTimeEstimate()
        for _ in 0..<20 { estimate.record(microseconds: microseconds, bytes: 2_000) }
        #expect(estimate.isQuick(bytes: bytes) == isQuick)
    }

    @Test func oneSlowRunCountsAtOnceAndIsForgottenByQuickOnes() {
        let estimate = RunTimeEstimate()
        for _ in 0..<20 { estimate.record(microseconds: 100, bytes: 100) }
        estimate.record(microseconds: 5_000_000, bytes: 100)
        #expect(!estimate.isQuick(bytes: 100))
        for _ in 0..<300 { estimate.record(microseconds: 100, bytes: 100) }
        #expect(estimate.isQuick(bytes: 100))
    }
}

@Suite(.enabled(if: ONNXFixture.isAvailable, ONNXFixture.reason)) struct NativeInferenceTests {
    private static func body(_ trips: Int64) -> [UInt8] {
        Array(#"{"inputs":[{"name":"trips","shape":[],"datatype":"INT64","data":[\#(trips)]}]}"#.utf8)
    }

    private func inference(deadline: Duration, queue: Int = 1) throws -> NativeInference {
        let model = try NativeModel(
            name: "endless",
            version: "1",
            model: ONNXFixture.model("endless.onnx"),
            library: #require(ONNXFixture.libraryPath),
            threads: 1
        )
        let limits = NativeInference.Limits(serverThreads: 1, concurrency: 1, queue: queue, deadline: deadline)
        return try NativeInference(model, limits: limits)
    }

    private func status(_ model: NativeModel, _ trips: Int64, _ control: RunControl) -> UInt16 {
        Self.body(trips).withUnsafeBytes { bytes in
            model.infer(body: bytes, headerLength: nil, identifier: "p", control: control) { status, _, _ in status }
        }
    }

    @Test func anUnknownModelIsNotRunOnTheServersThread() throws {
        let inference = try inference(deadline: .seconds(60))
        defer { inference.stop() }
        #expect(!inference.runInline(bytes: 10) { _ in Issue.record("was run") })
    }

    @Test func aRunThatIsNotAsQuickAsExpectedIsTakenOffTheServersThread() throws {
        let inference = try inference(deadline: .seconds(60))
        defer { inference.stop() }
        inference.model.estimate.record(microseconds: 10, bytes: 100)
        #expect(!inference.runInline(bytes: 10) { _ = status(inference.model, .max, $0) })
        #expect(!inference.model.estimate.isQuick(bytes: 10))
    }

    @Test func aRunThatTakesTooLongIsRefused() throws {
        let inference = try inference(deadline: .milliseconds(50))
        defer { inference.stop() }
        let refused = Mutex<[RunEnd]>([])
        let ended = ScriptSemaphore()
        _ = try inference.submit {
            _ = self.status(inference.model, .max, $0)
        } refuse: { end in
            refused.withLock { $0.append(end) }
            ended.signal()
        }
        ended.wait()
        #expect(refused.withLock(\.self) == [.deadline])
    }

    @Test func whatTheQueueHasNoRoomForIsNotAccepted() throws {
        let inference = try inference(deadline: .seconds(60))
        let ended = Mutex<[String]>([])
        let running = ScriptSemaphore()
        let first = try inference.submit {
            running.signal()
            _ = self.status(inference.model, .max, $0)
        } refuse: { end in
            ended.withLock { $0.append("first \(end)") }
        }
        #expect(first != nil)
        // It has left the queue, which takes one.
        running.wait()
        let second = try #require(
            try inference.submit({ _ in }, refuse: { end in ended.withLock { $0.append("second \(end)") } })
        )
        #expect(try inference.submit({ _ in }, refuse: { _ in }) == nil)
        inference.end(second, .clientLeft)
        inference.stop()
        #expect(ended.withLock(\.self).contains("second clientLeft"))
    }
}

@Suite struct LineRateTests {
    @Test func letsAFewLinesASecondThroughAndSaysHowManyItDropped() {
        let time = Mutex<UInt64>(5_000_000)
        let rate = LineRate(perSecond: 2) { time.withLock(\.self) }
        #expect((0..<4).map { _ in rate.count() } == [.pass(dropped: 0), .pass(dropped: 0), .drop, .drop])
        time.withLock { $0 += 1_000_000 }
        #expect(rate.count() == .pass(dropped: 2))
    }
}

@Suite struct AzureHeadersTests {
    @Test func echoesWhatTheClientSent() {
        let given = ["x-request-id": "a", "x-ms-client-request-id": "b", "TraceId": "c"]
        let headers = AzureHeaders { given[$0] }
        let named = Dictionary(headers.headers.map { ($0.name, $0.value) }) { $1 }
        #expect(headers.refusal == nil)
        #expect(named["x-request-id"] == "a" && named["x-ms-request-id"] == "b" && named["TraceId"] == "c")
    }

    @Test(arguments: ["", "\u{1}", "größe"]) func makesAnIdInPlaceOfOneThatCantBeSent(given: String) {
        let headers = AzureHeaders { $0 == "x-request-id" ? given : nil }
        let identifier = headers.headers.first { $0.name == "x-request-id" }?.value
        #expect(identifier?.count == 36 && headers.refusal == nil)
    }

    @Test func refusesAnIdThatIsTooLong() {
        #expect(AzureHeaders { _ in String(repeating: "x", count: 101) }.refusal != nil)
        #expect(AzureHeaders { _ in String(repeating: "x", count: 100) }.refusal == nil)
    }
}
