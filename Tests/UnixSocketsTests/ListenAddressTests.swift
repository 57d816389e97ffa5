import Testing
import UnixSockets

@Suite struct ListenAddressTests {
    @Test(
        arguments: [
            (.tcp(host: "127.0.0.1", port: 8080), "127.0.0.1:8080", false),
            (.tcp(host: "127.0.0.1", port: 8080), "127.0.0.1:8081", true),
            (.tcp(host: "127.0.0.1", port: 8080), "127.0.0.1:0", false),
            // Spelled otherwise.
            (.tcp(host: "::1", port: 8080), "[0:0:0:0:0:0:0:1]:8080", false),
            (.tcp(host: "127.0.0.1", port: 8080), "/run/digits.sock", true),
            (.unix(path: "/run/digits.sock"), "unix:/run/digits.sock", false),
            (.unix(path: "/run/digits.sock"), "/run/other.sock", true),
            (.unix(path: "/run/digits.sock"), "127.0.0.1:8080", true),
            (.inherited(descriptor: 3), "127.0.0.1:8080", false),
        ] as [(ListenAddress, String, Bool)]
    )
    func onlyAnotherPlaceIsElsewhere(_ taken: ListenAddress, _ wanted: String, _ isElsewhere: Bool) throws {
        #expect(taken.isElsewhere(than: try #require(ListenAddress(wanted))) == isElsewhere)
    }
}
