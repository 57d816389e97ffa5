internal import FileSystem
internal import JSON

/// Computes the answers to a project's sample requests with the bundle itself, and writes them beside the requests.
package struct SampleRecorder: Sendable {
    private let runtime: RuntimeProgram
    private static let sizeLimit = 64 << 20

    package init(_ runtime: RuntimeProgram) { self.runtime = runtime }

    /// Records every sample in `folder`: files of the form `{"request": …}`, with or without a `response`.
    ///
    /// Nothing is written unless every request could be answered. Returns the files that changed.
    package func record(_ folder: String, tree: String, progress: (Int, Int) -> Void) throws -> [String] {
        let names = try FileSystem.names(in: folder).filter { $0.hasSuffix(".json") }
        var recorded: [(path: String, bytes: [UInt8])] = []
        for (index, name) in names.enumerated() {
            let path = "\(folder)/\(name)"
            let before = try FileSystem.read(path, limit: Self.sizeLimit)
            let limits = JSONLimits(bytes: Self.sizeLimit, values: 8_000_000)
            let sample: JSONValue
            do throws(JSONError) {
                sample = try JSONValue.parse(before, limits: limits)
            } catch {
                throw SampleError.malformed(path: path, error)
            }
            guard var object = sample.objectValue, let request = object["request"] else {
                throw SampleError.noRequest(path: path)
            }
            var answer: JSONValue
            do {
                answer = try runtime.score(tree, request: request.compactBytes())
            } catch RuntimeProgramError.failed(_, let result) {
                throw SampleError.notAnswered(path: path, result)
            }
            // Of a v2 answer only the outputs are the model's; its name and version change from build to build.
            if let outputs = answer["outputs"], request["inputs"]?.arrayValue != nil { answer = ["outputs": outputs] }
            progress(index + 1, names.count)
            guard object["response"] != answer else { continue }
            object["response"] = answer
            recorded.append((path, JSONValue.object(object).prettyBytes()))
        }
        for (path, bytes) in recorded { try FileSystem.write(bytes, to: path) }
        return recorded.map(\.path)
    }
}
