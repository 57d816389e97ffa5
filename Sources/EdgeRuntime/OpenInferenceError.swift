package import Diagnostics
package import JSON

/// Why an infer request is refused, or its answer can't be written, in the words that the client gets.
package enum OpenInferenceError: ExplainedError, Equatable {
    /// The body, or its JSON part, is not JSON.
    case malformed(JSONError)
    /// A required member is missing; `owner` is for instance `input "X"` or `inputs[2]`.
    case missingMember(String, owner: String)
    /// A member is of the wrong type, out of range, or given twice.
    case wrongMember(String, owner: String, problem: String)
    /// The header `Inference-Header-Content-Length` and the body don't fit together.
    case wrongHeaderLength(problem: String)
    /// The values of an input don't fit its shape or datatype, or can't be read.
    case wrongData(input: String, problem: String)
    /// An input that the model doesn't have, or that is there twice, or one that is missing.
    case wrongInputs(problem: String)
    /// An input of another datatype or shape than the model takes.
    case inputMismatch(name: String, expected: String, given: String)
    /// An output is asked for that the model doesn't have or that can't be sent.
    case wrongOutput(name: String, problem: String)
    /// The model gave an output that has no form in the protocol, or none in JSON.
    case unrepresentable(output: String, problem: String)
    /// ONNX Runtime gave up on the request.
    case modelFailed(problem: String)
    /// The run was given up before it had an answer.
    case ended(RunEnd)

    package var message: String {
        switch self {
        case .malformed(let error): error.message
        case .missingMember(let member, let owner): "\(owner) has no \"\(member)\""
        case .wrongMember(let member, let owner, let problem): "\(owner): \"\(member)\" \(problem)"
        case .wrongHeaderLength(let problem): "Inference-Header-Content-Length \(problem)"
        case .wrongData(let input, let problem): "input \"\(input)\": \(problem)"
        case .wrongInputs(let problem): problem
        case .inputMismatch(let name, let expected, let given):
            "input \"\(name)\" must be \(expected), but \(given) was given"
        case .wrongOutput(let name, let problem): "output \"\(name)\" \(problem)"
        case .unrepresentable(let output, let problem): "output \"\(output)\" \(problem)"
        case .modelFailed(let problem): problem
        case .ended(let end): end.message
        }
    }

    /// The HTTP status to answer with: 400 where the request is at fault, 500 where the model's answer is, and what
    /// a run that was given up is answered with.
    package var httpStatus: UInt16 {
        switch self {
        case .unrepresentable, .modelFailed: 500
        case .ended(let end): end.httpStatus
        default: 400
        }
    }

    package var exitCode: ExitCode { .dataError }
}
