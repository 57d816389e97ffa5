import FileSystem

/// A repository of small bundles, without a package in them, that differ in what is wrong with them. Made once per run;
/// tests take copies.
struct SmallBundles: Sendable {
    static let shared = Result { try SmallBundles() }

    /// Versions of the bundle `controllable`.
    enum Version: Int {
        case good = 1
        case better = 2
        /// `init()` never returns.
        case hanging = 3
        /// `init()` raises.
        case raising = 4
        /// Its process ends in `init()`.
        case crashing = 5
        /// Answers otherwise than when its samples were recorded.
        case wrong = 6
        /// Wants all memory that the machine has.
        case large = 7
        /// For another architecture.
        case foreign = 8
        /// Many files.
        case many = 9
    }

    static let body = #"{"ask": 1}"#

    /// The repository and its keys, with nothing deployed.
    private let folder: String
    /// Files of bundles that are not published.
    let files: [Int: String]
    /// The timestamp that the repository began with.
    let firstTimestamp: String

    func repository() throws -> UpdateRepository { try UpdateRepository(copyOf: folder) }

    private init() throws {
        let folder = try FileSystem.createFolder("\(Keys.shared.get().folder)/small")
        self.folder = folder
        let scratch = try Scratch()
        let repository = try UpdateRepository()
        firstTimestamp = "\(folder)/timestamp.json"
        try Programs.succeed("/bin/cp", [try repository.metadata(of: "timestamp"), firstTimestamp])
        let project = try ScriptProject(in: scratch, script: Self.script(), more: "samples: {path: samples}")
        try scratch.write(#"{"request": {"ask": 1}, "response": {"sum": 2}}"#, to: "project/samples/one.json")
        try Programs.pack("lock", project.path)
        var built: [Int: String] = [:]
        func add(_ version: Version, _ script: String = Self.script()) throws {
            try scratch.write(script + "# \(version.rawValue)\n", to: "project/src/score.py")
            let file = try repository.build(
                project.path,
                version: version.rawValue,
                for: version == .foreign ? .other : .here
            )
            let kept = "\(folder)/\(FileSystem.name(of: file))"
            try Programs.succeed("/bin/cp", [file, kept])
            built[version.rawValue] = kept
            if version != .better { try repository.publish(file) }
        }
        try add(.good)
        try add(.better)
        try add(.hanging, Self.script(starting: "import time\n    time.sleep(600)"))
        try add(.raising, Self.script(starting: "raise ValueError('no such model')"))
        try add(.crashing, Self.script(starting: "import os\n    os._exit(3)"))
        try add(.wrong, Self.script(adding: 2))
        try scratch.edit(
            "project/bundle.yaml",
            replacing: "devices: [",
            with: "devices: [generic-\(Architecture.other.rawValue), "
        )
        try Programs.pack("lock", project.path)
        try add(.foreign)
        for file in 0..<60 { try scratch.write("\(file)\n", to: "project/src/data/\(file).txt") }
        try add(.many)
        try FileSystem.removeTree(scratch("project/src/data"))
        let memory = "resources: {memory: \(try Self.memory() / 1024 - 8)MiB}\ndevices: ["
        try scratch.edit("project/bundle.yaml", replacing: "devices: [", with: memory)
        // A class of boxes that are larger than the usual ones.
        let profile = "devices/generic-\(Architecture.here.rawValue).yaml"
        try FileSystem.createDirectories(scratch("project/devices"))
        try scratch.copy("\(Programs.repository)/\(profile)", as: "project/\(profile)")
        try scratch.edit("project/\(profile)", replacing: "memory: 512MiB", with: "memory: 1024GiB")
        try add(.large)
        files = built
        for name in ["repository", "keys"] {
            try Programs.succeed("/bin/cp", ["-a", repository.scratch(name), folder])
        }
    }

    private static func script(starting: String = "pass", adding number: Int = 1) -> String {
        """
        import json


        def init():
            \(starting)


        def run(data):
            return {"sum": json.loads(data)["ask"] + \(number)}


        """
    }

    /// KiB of memory that the machine has.
    private static func memory() throws -> Int {
        let text = try Programs.succeed("/bin/cat", ["/proc/meminfo"])
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count > 1, words[0] == "MemTotal:", let memory = Int(words[1]) else {
            throw Unexpected(what: "/proc/meminfo begins with \(words.prefix(2))")
        }
        return memory
    }
}

extension UpdateRepository {
    /// A version of the small bundle, to every box at once.
    func deploy(_ version: SmallBundles.Version) throws {
        try deploy("controllable@\(version.rawValue)", "--soak", "0")
    }
}

extension AgentBox {
    /// Whether it answers as every good version does.
    func scores() throws -> Bool {
        let answer = try score("/score", SmallBundles.body)
        return answer.status == 200 && answer.text.contains("2")
    }
}
