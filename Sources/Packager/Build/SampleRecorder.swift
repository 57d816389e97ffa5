internal import FileSystem
internal import JSON

/// Computes the answers to a project's sample requests with the bundle itself, and writes them beside the requests.
package struct SampleRecorder: Sendable {
    private let runtime: RuntimeProgram

    package init(_ runtime: RuntimeProgram) { self.runtime = runtime }

    /// Records every sample of a project that names some; `tree` is the bundle that answers.
    ///
    /// Nothing is written unless every request could be answered. Returns the files that changed.
    package func record(_ project: Project, tree: String) throws -> [String] {
        guard let samples = project.file.samples else { return [] }
        let folder = project.path(of: samples.folder)
        let names = try FileSystem.names(in: folder)
            .filter { $0.hasSuffix(".json") && !project.file.exclusions.excludes($0) }
        var recorded: [(path: String, bytes: [UInt8])] = []
        for name in names {
            let path = "\(folder)/\(name)"
            let sample = try ProjectSample(path)
            let request = sample.request
            var object = sample.object
            var answer: JSONValue
            do {
                answer = try runtime.score(tree, request: request.compactBytes(), shownAs: project.folder)
            } catch RuntimeProgramError.failed(_, let result) {
                throw SampleError.notAnswered(path: path, result)
            }
            // Of a v2 answer only the outputs are the model's; its name and version change from build to build.
            if let outputs = answer["outputs"], request["inputs"]?.arrayValue != nil { answer = ["outputs": outputs] }
            guard object["response"] != answer else { continue }
            object["response"] = answer
            recorded.append((path, JSONValue.object(object).prettyBytes()))
        }
        for (path, bytes) in recorded { try FileSystem.write(bytes, to: path) }
        return recorded.map(\.path)
    }
}
