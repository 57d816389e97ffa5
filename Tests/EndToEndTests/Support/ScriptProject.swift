import FileSystem

/// A project with a scoring script that needs no package, so that it is packed without a network.
struct ScriptProject {
    /// Answers `{"ask": "pid"}` with its process. Blocks at `{"ask": "block", "until": FIFO}` until somebody opens the
    /// FIFO for writing; what it prints before tells the test that it has begun. Works for ever at `{"ask": "hold"}`
    /// and keeps the FIFO open for writing until the process ends.
    static let controllable = """
        import json
        import os
        import time


        def init():
            print("init was called")


        def run(data):
            request = json.loads(data)
            if request["ask"] == "block":
                print("blocking", flush=True)
                open(request["until"]).close()
            if request["ask"] == "hold":
                fifo = open(request["until"], "w")
                print("holding", flush=True)
            if request["ask"] in ("hold", "sleep"):
                time.sleep(600)
            if request["ask"] == "raise":
                raise ValueError("asked to raise")
            return {"pid": os.getpid()}

        """

    let path: String

    /// Writes the project into a folder; `more` is added to bundle.yaml.
    init(in scratch: Scratch, script: String = controllable, more: String = "") throws {
        path = try scratch.folder("project")
        try scratch.write(
            """
            name: controllable
            version: "1"
            code_configuration: {code: src, scoring_script: score.py}
            environment: {python: "\(Self.python)", requirements: requirements.in}
            devices: [generic-\(Architecture.here.rawValue)]
            \(more)

            """,
            to: "project/bundle.yaml"
        )
        try scratch.write("", to: "project/requirements.in")
        try scratch.write(script, to: "project/src/score.py")
    }

    /// The tree of its bundle.
    func extracted(in scratch: Scratch) throws -> String {
        try Programs.pack("lock", path)
        try Programs.pack("build", path, "-o", scratch("dist"))
        let file = try FileSystem.names(in: scratch("dist"))[0]
        try Programs.pack("extract", scratch("dist/\(file)"), scratch("tree"))
        return scratch("tree")
    }

    /// The version that the device profiles have.
    static let python = "3.11"
}
