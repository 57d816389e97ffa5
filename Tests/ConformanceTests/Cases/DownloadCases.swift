import JSON
import Testing

private func download(_ name: String, _ run: @escaping ConformanceCase.Body) -> ConformanceCase {
    ConformanceCase("test_file_download.py::test_\(name)", run)
}

private let path = "target_file.txt"
private let text = "target file contents"

extension ConformanceCase {
    static let downloadCases: [ConformanceCase] =
        [
            download("client_downloads_expected_file") { bench in
                try bench.begin()
                try bench.repository.addTarget(path, text)
                try bench.repository.publish("targets", "snapshot", "timestamp")
                #expect(try bench.refresh() == 0)
                #expect(try bench.downloads == [])
                #expect(try bench.download(path) == 0)
                #expect(try bench.downloads == [text])
            },
            download("client_downloads_expected_file_in_sub_dir") { bench in
                try bench.begin()
                try bench.repository.addTarget("path/to/a/target_file.txt", text)
                try bench.repository.publish("targets", "snapshot", "timestamp")
                #expect(try bench.download("path/to/a/target_file.txt") == 0)
                #expect(try bench.downloads == [text])
            },
            download("repository_substitutes_target_file") { bench in
                try bench.begin()
                try bench.repository.addTarget(path, text)
                try bench.repository.addTarget("another_target_file.txt", "content")
                try bench.repository.publish("targets", "snapshot", "timestamp")
                #expect(try bench.download(path) == 0)
                #expect(try bench.downloads == [text])
                for name in [path, "another_target_file.txt"] { bench.repository.substitute(name, "malicious data") }
                // It may look at what it has, or fetch and refuse.
                _ = try bench.download(path)
                #expect(try bench.downloads == [text])
                #expect(try bench.download("another_target_file.txt") == 1)
                #expect(try bench.downloads == [text])
            },
            download("multiple_changes_to_target") { bench in
                try bench.begin()
                try bench.repository.addTarget(path, text)
                try bench.repository.publish("targets", "snapshot", "timestamp")
                #expect(try bench.download(path) == 0)
                var others: [String] = []
                for round in 0...10 {
                    let changed = "modified file contents \(round)"
                    try bench.repository.addTarget(path, changed)
                    try bench.repository.addTarget("new-target-\(round)", "new file contents \(round)")
                    try bench.repository.publish("targets", "snapshot", "timestamp")
                    // The client sees each fifth version only.
                    guard round.isMultiple(of: 5) else { continue }
                    #expect(try bench.download(path) == 0)
                    #expect(try Set(bench.downloads) == Set(others + [changed]))
                    #expect(try bench.download("new-target-\(round)") == 0)
                    others.append("new file contents \(round)")
                    bench.repository.substitute(path, "malicious contents \(round)")
                    try bench.repository.publish("targets", "snapshot", "timestamp")
                    _ = try bench.download(path)
                    #expect(try Set(bench.downloads) == Set(others + [changed]))
                    #expect(try bench.downloads.count == others.count + 1)
                }
            },
            download("download_with_unknown_hash_algorithm") { bench in
                try bench.begin()
                try bench.repository.addTarget(path, text, hashes: ["sha512"])
                let digest = bench.repository.bodies["targets"]?.at("targets", path, "hashes", "sha512") ?? .null
                bench.repository.bodies["targets"]?.set(["unknown-hash": digest], "targets", path, "hashes")
                try bench.repository.publish("targets", "snapshot", "timestamp")
                #expect(try bench.download(path) == 1)
                #expect(try bench.downloads == [])
            },
            download("artifact_cache") { bench in
                try bench.begin()
                try bench.repository.addTarget(path, text)
                try bench.repository.publish("targets", "snapshot", "timestamp")
                #expect(try bench.download(path) == 0)
                #expect(try bench.download(path) == 0)
                #expect(bench.targetRequests.count == 1)
            },
        ]
        + [["sha256"], ["sha512"], ["sha256", "sha512"]].enumerated().map { index, hashes in
            download("download_with_hash_algorithms[hashes\(index)]") { bench in
                try bench.repository.addTarget(path, text, hashes: hashes)
                try bench.repository.publish("targets", "snapshot", "timestamp")
                try bench.begin()
                #expect(try bench.download(path) == 0)
                // By any of the hashes, once.
                #expect(bench.targetRequests.count == 1)
                #expect(bench.targetRequests.allSatisfy { bench.repository.targetFiles[$0] != nil })
                #expect(try bench.downloads == [text])
            }
        }
}
