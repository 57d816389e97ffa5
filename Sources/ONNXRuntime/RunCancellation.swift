import CONNXRuntime
import Synchronization

/// Ends runs early: a deadline has passed, or the client is gone.
///
/// A run ends between two nodes of the model's graph, never inside one. Once cancelled it stays so.
package final class RunCancellation: Sendable {
    private let library: ONNXRuntimeLibrary
    private let cancelled = Atomic(false)
    // The library only sets and reads a flag in it.
    nonisolated(unsafe) let handle: OpaquePointer

    package init(library: ONNXRuntimeLibrary) throws(ONNXRuntimeError) {
        var options: OpaquePointer?
        let reason = takeMessage(onnx_run_options_create(library.handle, &options))
        guard reason == nil, let options else {
            throw .environmentNotCreated(path: library.path, reason: reason ?? "no run options")
        }
        self.library = library
        self.handle = options
    }

    deinit { onnx_run_options_release(library.handle, handle) }

    package var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    /// Ends the runs this was given to, and every later one; may be called from any thread.
    package func cancel() {
        cancelled.store(true, ordering: .releasing)
        _ = takeMessage(onnx_run_options_terminate(library.handle, handle))
    }
}
