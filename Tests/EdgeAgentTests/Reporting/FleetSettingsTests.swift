import Deployment
import FileSystem
import JSON
import Testing

@testable import EdgeAgent

@Suite struct FleetSettingsTests {
    private static func settings() throws -> FleetSettings {
        FleetSettings(
            server: "https://fleet.example:7443",
            device: try #require(DeviceID("press-7")),
            authorities: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
            interval: 30
        )
    }

    @Test func theyAreReadAsTheyWereWritten() throws {
        let settings = try Self.settings()
        #expect(try FleetSettings.parse(settings.encoded()) == settings)
    }

    @Test(arguments: [
        "", "[]", #"{"server":"https://a","authorities":""}"#,
        #"{"server":"https://a","authorities":"","device":"<b>"}"#,
        #"{"server":"https://a","authorities":"","device":"a","interval":0}"#,
        #"{"server":"https://a","authorities":"","device":"a","interval":1e300}"#,
    ])
    func whatIsNoneIsRefused(text: String) {
        #expect(throws: JSONError.self) { try FleetSettings.parse(Array(text.utf8)) }
    }

    @Test func aBoxIsEnrolledWhereTheyAreThere() throws {
        let folder = try TemporaryDirectory(prefix: "fleet")
        let layout = StoreLayout(folder.path)
        #expect(try layout.readFleetSettings() == nil)
        try FileSystem.createDirectories(layout.fleet)
        let settings = try Self.settings()
        try FileSystem.write(try settings.encoded(), to: layout.fleetSettings)
        #expect(try layout.readFleetSettings() == settings)
        try FileSystem.write(Array("{".utf8), to: layout.fleetSettings)
        #expect(throws: StoreError.self) { try layout.readFleetSettings() }
    }
}
