internal import FileSystem
internal import JSON

/// Computes the answers to a project's sample requests with the bundle itself, and writes them beside the requests.
package struct SampleRecorder: Sendable {
    private let runtime: RuntimeProgram

    package init(_ runtime: RuntimeProgram) { self.runtime = runtime }

    /// Records every sample in `folder`: files of the form `{"request": …}`, with or without a `response`.
    ///
    /// Nothing is written unless every request could be answered. Returns the files that changed.
    package func record(_ folder: String, tree: String, progress: (Int, Int) -> Void) throws -> [String] {
        let paths = try FileSystem.names(in: folder).filter { $0.hasSuffix(".json") }.map { "\(folder)/\($0)" }
        var recorded: [(path: String, bytes: [UInt8])] = []
        for (index, path) in paths.enumerated() {
            let sample = try ProjectSample(path)
            let request = sample.request
            var object = sample.object
            var answer: JSONValue
            do {
                answer = try runtime.score(tree, request: request.compactBytes())
            } catch RuntimeProgramError.failed(_, let result) {
                throw SampleError.notAnswered(path: path, result)
            }
            // Of a v2 answer only the outputs are the model's; its name and version change from build to build.
            if let outputs = answer["outputs"], request["inputs"]?.arrayValue != nil { answer = ["outputs": outputs] }
            progress(index + 1, paths.count)
            guard object["response"] != answer else { continue }
            object["response"] = answer
            recorded.append((path, JSONValue.object(object).prettyBytes()))
        }
        for (path, bytes) in recorded { try FileSystem.write(bytes, to: path) }
        return recorded.map(\.path)
    }
}
