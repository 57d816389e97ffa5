import FuzzHarnesses
import Glibc

// `fuzz --harness=NAME [ARGUMENT OF libFuzzer]... [CORPUS]...`; `fuzz --list` prints the harnesses, one a line: name,
// longest input in bytes, what it reads. The main function is libFuzzer's. It skips what begins with two hyphens, and
// hands it on to the processes that it starts.

/// What is fuzzed: set once, before the first input.
nonisolated(unsafe) private var chosen: FuzzHarness?

/// Called by libFuzzer before anything else.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    let words = (0..<Int(count.pointee)).compactMap { arguments.pointee[$0].map { String(cString: $0) } }
    if words.contains("--list") {
        for harness in FuzzHarness.all { print("\(harness.name)\t\(harness.limitBytes)\t\(harness.summary)") }
        fflush(nil)
        _exit(0)
    }
    let prefix = "--harness="
    chosen = words.first { $0.hasPrefix(prefix) }.flatMap { FuzzHarness.named(String($0.dropFirst(prefix.count))) }
    guard chosen != nil else {
        print("usage: fuzz --list | --harness=NAME [ARGUMENT OF libFuzzer]... [CORPUS]...")
        fflush(nil)
        _exit(64)
    }
    return 0
}

/// Called by libFuzzer for every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let chosen else { return 0 }
    do {
        try chosen.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        fatalError("\(chosen.name): \(error)")
    }
    return 0
}
