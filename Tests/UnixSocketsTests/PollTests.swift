import Glibc
import Testing
import UnixSockets

@Suite struct PollTests {
    @Test func theEntryThatHasSomethingSaysSo() throws {
        let (left, right) = try MessageConnection.pair()
        let (quiet, other) = try MessageConnection.pair()
        try left.send([1], milliseconds: 1000)
        var entries = [Poll.Entry(quiet.descriptor), Poll.Entry(right.descriptor), Poll.Entry(-1)]
        #expect(try Poll.wait(&entries, milliseconds: nil))
        #expect(entries.map(\.isReadable) == [false, true, false])
        #expect(entries.map(\.hasHungUp) == [false, false, false])
        withExtendedLifetime(other) {}
    }

    @Test func theTimePassesWhereNothingHappens() throws {
        let (left, right) = try MessageConnection.pair()
        var entries = [Poll.Entry(right.descriptor)]
        #expect(try !Poll.wait(&entries, milliseconds: 0))
        #expect(try !Poll.wait(&entries, milliseconds: 3))
        #expect(try !Poll.wait(&entries, milliseconds: -5))
        var none: [Poll.Entry] = []
        #expect(try !Poll.wait(&none, milliseconds: 1))
        withExtendedLifetime(left) {}
    }

    @Test func roomAndHangUpAreTold() throws {
        let (left, right) = try MessageConnection.pair()
        var entries = [Poll.Entry(left.descriptor, awaitsRoom: true)]
        #expect(try Poll.wait(&entries, milliseconds: 1000))
        #expect(entries[0].isWritable && !entries[0].isReadable)
        right.close()
        #expect(try Poll.wait(&entries, milliseconds: 1000))
        #expect(entries[0].isReadable && entries[0].hasHungUp)
    }

    @Test func aDescriptorThatIsNotOpenIsAnError() throws {
        #expect(throws: SocketError.failed(.wait, code: EBADF)) {
            var entries = [Poll.Entry(1_000_000)]
            return try Poll.wait(&entries, milliseconds: 0)
        }
    }

    @Test func signalsAreTakenAsTheyCome() throws {
        // Blocked in this thread only, and sent to this thread only: other tests run beside it.
        let signals = try SignalDescriptor([SIGUSR1, SIGUSR2])
        #expect(try signals.next() == nil)
        pthread_kill(pthread_self(), SIGUSR2)
        var entries = [Poll.Entry(signals.descriptor)]
        #expect(try Poll.wait(&entries, milliseconds: 20_000))
        #expect(try signals.next() == SIGUSR2)
        #expect(try signals.next() == nil)
    }

    @Test func theBootClockGoesOn() {
        let first = BootClock.milliseconds
        #expect(first > 0)
        #expect(BootClock.milliseconds >= first)
    }

    @Test func aDescriptorIsGivenUpOnce() throws {
        let (left, right) = try MessageConnection.pair()
        let copy = try Descriptor.duplicating(left.descriptor)
        #expect(fcntl(copy.number, F_GETFD) & FD_CLOEXEC != 0)
        let number = copy.take()
        #expect(number > 2)
        #expect(copy.take() == -1)
        #expect(copy.number == -1)
        copy.close()
        #expect(close(number) == 0)
        #expect(throws: SocketError.failed(.duplicate, code: EBADF)) { try Descriptor.duplicating(-1) }
        withExtendedLifetime(right) {}
    }
}
