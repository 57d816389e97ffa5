import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// Bundles that can't be served, and boxes that lack what an update needs: each is told by name, and the old version
/// serves on.
@Suite(.programs, .oneByOne, .serialized) struct FaultTests {
    private let repository: UpdateRepository

    init() throws { repository = try SmallBundles.shared.get().repository() }

    private func servingBox(startLimit: String = "20s", more: String = "") throws -> AgentBox {
        try repository.deploy(.good)
        let box = try AgentBox(repository.path, root: repository.root, startLimit: startLimit, more: more)
        try box.start()
        try box.waitUntilServing(1)
        return box
    }

    private func expectServing(_ box: AgentBox, _ what: Comment) throws {
        let endpoint = try box.endpoint()
        #expect(endpoint.version == "1" && endpoint.isServingCurrent, what)
        #expect(try box.scores(), what)
    }

    private func publishBetter() throws { try repository.publish(try #require(SmallBundles.shared.get().files[2])) }

    // MARK: Bundles

    @Test func whatFailsItsProbeIsRefused() throws {
        let box = try servingBox(startLimit: "3s")
        let cases: [(version: SmallBundles.Version, words: String)] = [
            (.hanging, "not answered within 3 s"), (.raising, "no such model"), (.crashing, "init"),
            (.wrong, "1 of 1 samples"),
        ]
        for (serial, bad) in zip(2..., cases) {
            try repository.deploy(bad.version)
            let endpoint = try box.wait(for: "the refusal of \(bad.version)", seconds: 30) {
                $0.lastSerial == serial && $0.state == "Idle"
            }
            #expect(endpoint.lastResult == "rejected" && endpoint.result == "rejected", "\(endpoint)")
            #expect(endpoint.lastDetail.contains(bad.words), "\(endpoint.lastDetail)")
            let why = try box.why()
            #expect(why.contains("the probe refused it") && why.contains(bad.words), "\(why)")
            try expectServing(box, "\(bad.version)")
        }
        try publishBetter()
        try repository.deploy(.better)
        try box.waitUntilServing(2)
        try box.stop()
    }

    /// It would fit alone, but not beside what runs.
    @Test func memoryForTwoModelsIsWaitedFor() throws {
        let box = try servingBox()
        try repository.deploy(.large)
        let endpoint = try box.wait(for: "the wait") { $0.waiting == "memory" }
        #expect(endpoint.state == "Probe")
        #expect(endpoint.result == "waitingFor(memory)")
        #expect(endpoint.trouble.contains("of memory beside the one that runs"), "\(endpoint.trouble)")
        #expect(try box.why().contains(endpoint.trouble))
        try expectServing(box, "waiting for memory")
        // It blocks nothing: a newer deployment takes its place.
        try publishBetter()
        try repository.deploy(.better)
        try box.waitUntilServing(2)
        try box.stop()
    }

    // MARK: A full disk

    /// A file system of a few megabytes at the place of the store.
    private final class SmallDisk {
        let path: String

        /// nil, with the reason printed, where none can be mounted.
        init?(at path: String, _ options: String) throws {
            self.path = path
            try FileSystem.createDirectories(path)
            let result = try Programs.run("/bin/mount", ["-t", "tmpfs", "-o", "\(options),mode=0700", "tmpfs", path])
            guard result.isSuccess else {
                print("not tested: no file system can be mounted here: \(result.errorText)")
                return nil
            }
        }

        deinit { _ = try? Programs.run("/bin/umount", ["-l", path]) }

        /// Takes bytes, or as many as there are.
        func fill(_ bytes: Int) throws {
            let descriptor = open("\(path)/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw POSIXError(operation: "create", code: errno) }
            defer { close(descriptor) }
            let code = posix_fallocate(descriptor, 0, bytes)
            guard code == 0 else { throw POSIXError(operation: "fill the disk", code: code) }
        }

        /// Takes all that there is.
        func fillAll() throws {
            var facts = statvfs()
            guard statvfs(path, &facts) == 0 else { throw POSIXError(operation: "statvfs", code: errno) }
            try fill(Int(facts.f_bavail) * Int(facts.f_bsize))
        }

        func free() throws { try FileSystem.removeFile("\(path)/ballast") }

        /// Leaves room for so many files only.
        func fillInodes(leaving left: Int) throws {
            try FileSystem.createDirectories("\(path)/ballasts")
            var facts = statvfs()
            guard statvfs(path, &facts) == 0 else { throw POSIXError(operation: "statvfs", code: errno) }
            for number in 0..<max(Int(facts.f_ffree) - left, 0) {
                let descriptor = open("\(path)/ballasts/\(number)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
                guard descriptor >= 0 else { throw POSIXError(operation: "create", code: errno) }
                close(descriptor)
            }
        }

        func freeInodes() throws { try FileSystem.removeTree("\(path)/ballasts") }
    }

    @Test func roomOnTheDiskIsWaitedFor() throws {
        try repository.deploy(.good)
        let box = try AgentBox(repository.path, root: repository.root, more: "disk: {reserve: 4MiB}")
        guard let disk = try SmallDisk(at: box.store, "size=16m") else { return }
        try box.start()
        try box.waitUntilServing(1)
        try disk.fill(13 << 20)
        try publishBetter()
        try repository.deploy(.better)
        let endpoint = try box.wait(for: "the wait") { $0.waiting == "disk" }
        #expect(endpoint.state == "Preflight" && endpoint.result == "waitingFor(disk)")
        #expect(endpoint.trouble.contains("4 MB") || endpoint.trouble.contains("4.2 MB"), "\(endpoint.trouble)")
        #expect(try box.why().contains(endpoint.trouble))
        try expectServing(box, "waiting for the disk")
        // An agent and a runtime start on a disk without a byte left.
        try disk.free()
        try disk.fillAll()
        try box.killAgent()
        kill(try #require(box.runtimeProcesses.first), SIGKILL)
        try box.start()
        try box.wait(for: "a runtime on a full disk") { $0.isServingCurrent }
        try expectServing(box, "the disk is full")
        #expect(try box.endpoint().result == "waitingFor(disk)")
        try disk.free()
        try box.succeed("retry")
        try box.waitUntilServing(2)
        try end(box, on: disk)
    }

    /// There are bytes, and no files: it ends in the midst of taking the bundle in.
    @Test func aDiskThatFillsUpOnTheWayLeavesNothingHalf() throws {
        try repository.deploy(.good)
        let box = try AgentBox(repository.path, root: repository.root, more: "disk: {reserve: 0}")
        guard let disk = try SmallDisk(at: box.store, "size=64m,nr_inodes=1000") else { return }
        try box.start()
        try box.waitUntilServing(1)
        try disk.fillInodes(leaving: 50)
        try repository.deploy(.many)
        let endpoint = try box.wait(for: "the setback") { $0.waiting == "disk" }
        #expect(endpoint.result == "waitingFor(disk)")
        #expect(endpoint.trouble.contains("no space left on device"), "\(endpoint.trouble)")
        #expect(try box.why().contains(endpoint.trouble))
        let generations = try FileSystem.names(in: "\(box.store)/generations").filter { !$0.hasPrefix(".") }
        #expect(generations == [try #require(endpoint.current)])
        try expectServing(box, "the disk is full")
        try disk.freeInodes()
        try box.succeed("retry")
        try box.waitUntilServing(9)
        try end(box, on: disk)
    }

    /// Not even the agent's own state can be written: updates stand still, and whoever asks is told.
    @Test func aDiskWithoutAnyRoomStopsUpdatesOnly() throws {
        try repository.deploy(.good)
        let box = try AgentBox(repository.path, root: repository.root, more: "disk: {reserve: 0}")
        guard let disk = try SmallDisk(at: box.store, "size=64m,nr_inodes=1000") else { return }
        try box.start()
        try box.waitUntilServing(1)
        // What is there already takes no room: the runtime goes on, and one that ends is started again.
        try disk.fillInodes(leaving: 0)
        try repository.deploy(.many)
        _ = try box.command("sync", "--no-wait")
        let endpoint = try box.wait(for: "the wait") { $0.result == "waitingFor(disk)" }
        #expect(try box.why().contains("no space left on device"))
        #expect(endpoint.current == endpoint.runtimes.first?.loaded)
        try expectServing(box, "no room at all")
        kill(try #require(box.runtimeProcesses.first), SIGKILL)
        try box.wait(for: "another runtime") { $0.isServingCurrent }
        try expectServing(box, "no room at all, and a new runtime")
        try disk.freeInodes()
        _ = try box.command("retry", "--no-wait")
        try box.waitUntilServing(9)
        try end(box, on: disk)
    }

    /// Ends all that runs from the disk before it goes.
    private func end(_ box: AgentBox, on disk: SmallDisk) throws {
        let runtimes = box.runtimeProcesses
        try box.stop()
        for runtime in runtimes { kill(runtime, SIGKILL) }
        withExtendedLifetime(disk) {}
    }

    // MARK: Programs that are not there

    @Test func aHelperThatIsGoneOrCrashesIsTriedAgain() throws {
        let scratch = try Scratch()
        let helper = scratch("sync-program")
        try link(Programs.edgeagentSync, helper)
        let box = try servingBox(more: "programs: {sync: \(helper)}")
        try repository.publish(try #require(SmallBundles.shared.get().files[2]))
        try repository.deploy(.better)
        for program in [nil, "#!/bin/sh\nkill -9 $$\n", "#!/bin/sh\necho nonsense\nexit 3\n"] {
            try put(program, at: helper)
            _ = try box.command("sync", "--no-wait")
            try box.wait(for: "the problem") { _ in try box.problem()?.waitingFor == "retry" }
            #expect(try box.endpoint().result == "waitingFor(retry)")
            let why = try box.why()
            #expect(why.contains("sync"), "\(why)")
            try expectServing(box, "helper: \(program ?? "none")")
        }
        try put(nil, at: helper)
        try link(Programs.edgeagentSync, helper)
        try box.waitUntilServing(2)
        #expect(try box.problem() == nil)
        try box.stop()
    }

    @Test(arguments: ["launcher", "runtime"]) func aProgramThatDoesNotStartRuntimesIsTriedAgain(_ name: String) throws {
        let scratch = try Scratch()
        let place = scratch("program")
        let program = name == "launcher" ? Programs.edgelaunch : Programs.edgeruntime
        try link(program, place)
        let box = try servingBox(more: "programs: {\(name): \(place)}")
        try put("#!/bin/sh\nexit 3\n", at: place)
        try publishBetter()
        try repository.deploy(.better)
        let endpoint = try box.wait(for: "the wait") { $0.waiting == "retry" }
        #expect(endpoint.result == "waitingFor(retry)")
        #expect(!endpoint.trouble.isEmpty)
        #expect(try box.why().contains(endpoint.trouble))
        try expectServing(box, "\(name) does not work")
        try put(nil, at: place)
        try link(program, place)
        try box.succeed("retry")
        try box.waitUntilServing(2)
        try box.stop()
    }

    private func link(_ program: String, _ place: String) throws {
        guard symlink(program, place) == 0 else { throw POSIXError(operation: "link", code: errno) }
    }

    /// Another program in a place, or none.
    private func put(_ text: String?, at place: String) throws {
        unlink(place)
        if let text { try FileSystem.write(Array(text.utf8), to: place, mode: 0o755) }
    }

    // MARK: Addresses and configuration

    @Test func aPortThatIsTakenIsWaitedFor() throws {
        try repository.deploy(.good)
        let box = try AgentBox(repository.path, root: repository.root)
        let other = try Programs.occupy(box.port)
        try box.start()
        let endpoint = try box.wait(for: "the wait") { $0.waiting == "retry" }
        #expect(endpoint.trouble.contains("127.0.0.1:\(box.port) is already in use"), "\(endpoint.trouble)")
        #expect(try box.why().contains("127.0.0.1:\(box.port) is already in use"))
        // A look at the repository does not cut the pause short.
        let setbacks = endpoint.value["attempt"]?["setbacks"]
        try box.succeed("sync")
        #expect(try box.endpoint().value["attempt"]?["setbacks"] == setbacks)
        close(other)
        try box.succeed("retry")
        try box.waitUntilServing(1)
        #expect(try box.scores())
        try box.stop()
    }

    @Test func mistakesInTheConfigurationAreToldWithTheirPlace() throws {
        let scratch = try Scratch()
        let good = """
            device: box
            channel: prod
            repository: {url: \(repository.path), root: \(repository.root)}
            endpoints: {digits: {listen: "127.0.0.1:8080"}}

            """
        let mistakes = [
            (good + "pol_interval: 5m\n", "pol_interval"), (good.replacing("listen", "lissten"), "listen"),
            (good.replacing("127.0.0.1:8080", "8080"), "'8080' is no HOST:PORT"),
            (good.replacing("prod", "production"), "channel"),
            (good.replacing("endpoints: {digits: {listen: \"127.0.0.1:8080\"}}", ""), "endpoint"),
            (good.replacing(repository.root, "/nowhere/root.json"), "/nowhere/root.json"),
        ]
        for (number, mistake) in mistakes.enumerated() {
            let config = try scratch.write(mistake.0, to: "\(number).yaml")
            let result = try Programs.run(
                Programs.edgeagent,
                ["run", "--store", scratch("box-\(number)"), "--config", config]
            )
            #expect(!result.isSuccess)
            #expect(result.errorText.contains(mistake.1), "\(result.errorText)")
        }
    }
}

extension String {
    fileprivate func replacing(_ old: String, _ new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
