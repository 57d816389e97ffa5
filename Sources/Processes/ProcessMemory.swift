internal import CProcess

/// What this process does with its own memory.
package enum ProcessMemory {
    /// Takes code and constants out of this process's memory; what is used again is mapped again, a page fault for each
    /// 64 KiB, from the page cache.
    ///
    /// For the end of a start that ran far more code than what follows: a server with a small ONNX model then has
    /// 14 MiB, and 20 after load, instead of 31 (PSS, x86_64, 2026-11; benchmarks/runtime). Nothing is read from the
    /// disk for it as long as the page cache holds the files; where memory is short, the kernel may now drop first what
    /// only the start needed.
    package static func releaseCode() { process_release_code() }
}
