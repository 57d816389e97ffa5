import CONNXRuntime

extension ONNXSession {
    /// Runs the model on tensors of the caller's, which are not copied (strings are).
    ///
    /// - Parameters:
    ///   - inputs: every input of the model once, by its index in `inputs`.
    ///   - outputs: the indices in `outputs` of what is wanted, in the order of the result.
    ///   - cancellation: ends the run early; may be shared between runs that end together.
    /// - Returns: the outputs; numbers stay in the library's memory until the last copy of the tensor is gone.
    package func run(
        inputs given: [(index: Int, tensor: Tensor)],
        outputs wanted: [Int],
        cancellation: RunCancellation? = nil
    ) throws(ONNXRuntimeError) -> [ONNXValue] {
        try validate(given)
        try validate(wanted)
        var names: [UnsafePointer<CChar>?] = []
        var values: [OpaquePointer?] = []
        names.reserveCapacity(given.count)
        values.reserveCapacity(given.count)
        defer { for value in values { onnx_value_release(library.handle, value) } }
        var results = [OpaquePointer?](repeating: nil, count: wanted.count)
        defer { for value in results { onnx_value_release(library.handle, value) } }
        do throws(Failure) {
            for (index, tensor) in given {
                values.append(try wrap(tensor))
                names.append(inputNames.pointers[index])
            }
            let resultNames = wanted.map { outputNames.pointers[$0] }
            try check(
                onnx_session_run(
                    library.handle,
                    handle,
                    cancellation?.handle,
                    names,
                    values,
                    given.count,
                    resultNames,
                    wanted.count,
                    &results
                )
            )
            withExtendedLifetime(given) {}
        } catch {
            if cancellation?.isCancelled == true { throw .cancelled(model: modelPath) }
            throw .runFailed(model: modelPath, reason: error.reason)
        }
        return try take(&results, as: wanted)
    }

    /// Refuses what ONNX Runtime would refuse with a message that names no input.
    private func validate(_ given: [(index: Int, tensor: Tensor)]) throws(ONNXRuntimeError) {
        var missing = Array(repeating: true, count: inputs.count)
        for (index, tensor) in given {
            precondition(inputs.indices.contains(index), "no input \(index)")
            let description = inputs[index]
            guard missing[index] else {
                throw .inputsIncomplete(model: modelPath, reason: "input \"\(description.name)\" is given twice")
            }
            missing[index] = false
            guard description.kind.accepts(tensor.elementType, shape: tensor.shape) else {
                throw .inputMismatch(
                    name: description.name,
                    expected: description.kind.description,
                    given: "\(tensor.elementType.name) \(tensor.shape)"
                )
            }
        }
        if let index = missing.firstIndex(of: true) {
            throw .inputsIncomplete(model: modelPath, reason: "input \"\(inputs[index].name)\" is missing")
        }
    }

    private func validate(_ wanted: [Int]) throws(ONNXRuntimeError) {
        for index in wanted {
            precondition(outputs.indices.contains(index), "no output \(index)")
            guard case .other(let words) = outputs[index].kind else { continue }
            throw .outputUnsupported(name: outputs[index].name, kind: words)
        }
    }

    /// A value over the tensor's memory, which the caller keeps until the value is released.
    private func wrap(_ tensor: Tensor) throws(Failure) -> OpaquePointer? {
        var value: OpaquePointer?
        try tensor.shape.withUnsafeBufferPointer { (shape) throws(Failure) in
            // Int and int64_t are the same size wherever this runs; the compiler keeps them apart.
            let sizes = UnsafeRawPointer(shape.baseAddress)?.assumingMemoryBound(to: Int64.self)
            guard let offsets = tensor.memory.offsets else {
                let base = tensor.memory.base
                let type = tensor.elementType.rawValue
                let bytes = tensor.memory.byteCount
                try check(onnx_tensor_wrap(library.handle, type, sizes, shape.count, base, bytes, &value))
                return
            }
            try offsets.withUnsafeBufferPointer { (offsets) throws(Failure) in
                try check(
                    onnx_string_tensor_create(
                        library.handle,
                        sizes,
                        shape.count,
                        tensor.memory.base?.assumingMemoryBound(to: CChar.self),
                        UnsafeRawPointer(offsets.baseAddress)?.assumingMemoryBound(to: Int64.self),
                        tensor.elementCount,
                        &value
                    )
                )
            }
        }
        return value
    }
}
