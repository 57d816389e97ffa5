import Glibc
import Testing
import UnixSockets

@Suite struct ProcessHandleTests {
    /// `sleep` with its standard streams closed.
    private static func startSleep() throws -> Int32 {
        var process: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("600"), nil]
        defer { for argument in arguments { free(argument) } }
        try #require(posix_spawnp(&process, "sleep", nil, nil, &arguments, environ) == 0)
        return process
    }

    @Test func aProcessIsHeldUntilItHasEnded() throws {
        let process = try Self.startSleep()
        let handle = try #require(try ProcessHandle.open(process))
        #expect(handle.processID == process)
        #expect(!handle.hasEnded)
        #expect(try !handle.wait(milliseconds: 1))
        #expect(try handle.signal(0))
        #expect(try handle.signal(SIGKILL))
        #expect(try handle.wait(milliseconds: 20_000))
        #expect(handle.hasEnded)
        var entries = [Poll.Entry(handle.descriptor)]
        #expect(try Poll.wait(&entries, milliseconds: 0))
        #expect(entries[0].isReadable)
        // Not waited for yet, it is still to be seen.
        #expect(ProcessIdentity.read(process) == handle.identity)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        #expect(try !handle.signal(SIGTERM))
        #expect(try ProcessHandle.open(handle.identity) == nil)
    }

    @Test func anotherProcessOfTheSameNumberIsNotTaken() throws {
        let own = try #require(ProcessIdentity.read(getpid()))
        #expect(own.processID == getpid())
        #expect(try ProcessHandle.open(own)?.identity == own)
        let earlier = ProcessIdentity(processID: own.processID, startTicks: own.startTicks - 1)
        #expect(try ProcessHandle.open(earlier) == nil)
    }

    @Test(arguments: [0, -1, Int32.max])
    func aNumberThatNoProcessHasIsNone(number: Int32) throws {
        #expect(ProcessIdentity.read(number) == nil)
        #expect(try ProcessHandle.open(number) == nil)
        #expect(try ProcessHandle.open(ProcessIdentity(processID: number, startTicks: 1)) == nil)
    }

    @Test func aProcessThatAnotherProcessStartedIsHeldToo() throws {
        let parent = try #require(try ProcessHandle.open(getppid()))
        #expect(!parent.hasEnded)
    }
}
