import Testing

/// Every target but tests, and what it may depend on. To add an edge, add it here, and say why in the commit.
private let table = """
    edgepack:       BundleFormat BundleManifest CommandLine Crypto Deployment Diagnostics Digest FileSystem HTTPClient JSON \
                    Packager Processes Registry RepositoryHTTP RepositoryS3 UpdateFramework WallClock
    edgeagent:      CommandLine Deployment Diagnostics Digest EdgeAgent FileSystem JSON Processes WallClock
    edgeagent-sync: AgentSync CommandLine Deployment Diagnostics Digest EdgeAgent FileSystem FleetProtocol JSON WallClock
    edgefleet:      CommandLine Deployment Diagnostics Digest FileSystem Fleet FleetProtocol FleetSimulation JSON \
                    UnixSockets WallClock
    edgelaunch:     CommandLine Containment Diagnostics RuntimeLaunch UnixSockets
    edgeruntime:    CommandLine Deployment Diagnostics EdgeRuntime FileSystem JSON UnixSockets
    tufclient:      CommandLine Diagnostics FileSystem HTTPClient RepositoryHTTP UpdateFramework WallClock
    AgentSync:      BundleFormat BundleManifest Crypto Deployment Diagnostics Digest EdgeAgent FileSystem FleetClient FleetProtocol \
                    HTTPClient JSON RepositoryHTTP Telemetry UpdateFramework WallClock YAML Zstd
    EdgeAgent:      BundleManifest Deployment Diagnostics Digest FileSystem FleetProtocol JSON Processes RuntimeControl \
                    RuntimeLaunch Telemetry UnixSockets WallClock
    Fleet:          CFleetPages Crypto Deployment Diagnostics Digest FileSystem FleetProtocol Gzip HTTPServer JSON SQLite \
                    Telemetry UnixSockets WallClock
    FleetSimulation: Crypto Deployment Diagnostics Digest FileSystem FleetClient FleetProtocol JSON Telemetry WallClock
    FleetClient:    Crypto Deployment Diagnostics Digest FleetProtocol Gzip HTTPClient JSON Telemetry WallClock
    FleetProtocol:  Deployment Diagnostics Digest JSON WallClock
    Registry:       BundleFormat BundleManifest Crypto Deployment Diagnostics Digest FileSystem JSON Processes UpdateFramework \
                    WallClock
    Containment:    CContainment Diagnostics Digest RuntimeLaunch
    RepositoryHTTP: HTTPClient UpdateFramework
    RepositoryS3:   Diagnostics Digest FileSystem HTTPClient UpdateFramework WallClock XML
    RuntimeControl: Diagnostics Digest UnixSockets
    RuntimeLaunch:  Diagnostics Digest Processes UnixSockets
    Packager:       BundleFormat BundleManifest Crypto Diagnostics Digest FileSystem JSON Processes YAML
    EdgeRuntime:    BundleManifest CScriptWorker Diagnostics Digest FileSystem HTTPServer JSON ONNXRuntime Processes \
                    RuntimeControl UnixSockets
    BundleFormat:   BundleManifest Crypto Diagnostics Digest FileSystem JSON Zstd
    BundleManifest: Diagnostics Digest FileSystem JSON
    CommandLine:    Diagnostics
    Deployment:     BundleManifest Diagnostics Digest JSON WallClock
    UpdateFramework: Crypto Diagnostics Digest FileSystem JSON WallClock
    Crypto:         COpenSSL Diagnostics FileSystem
    Diagnostics:
    Digest:         CNettle
    FileSystem:     Diagnostics
    Gzip:           CZlib Diagnostics
    HTTPClient:     CHTTPClient Diagnostics
    HTTPServer:     CHTTPServer Diagnostics UnixSockets
    JSON:           Diagnostics
    ONNXRuntime:    CONNXRuntime Diagnostics
    Processes:      CProcess Diagnostics
    SQLite:         CSQLite Diagnostics
    Telemetry:      Diagnostics FileSystem JSON WallClock
    UnixSockets:    CUnixSockets Diagnostics
    WallClock:
    XML:            CExpat Diagnostics
    YAML:           CYAML Diagnostics
    Zstd:           CZstd Diagnostics
    CContainment:
    CCurl:
    CExpat:
    CHTTPClient:    CCurl
    CFleetPages:
    CGnuTLS:
    CHTTPServer:    CGnuTLS CMicroHTTPD
    CMicroHTTPD:
    CNettle:
    CONNXRuntime:
    COpenSSL:
    CProcess:
    CScriptWorker:
    CUnixSockets:
    CSQLite:
    CYAML:
    CZlib:
    CZstd:
    """

/// The house as it stands, against the list of allowed edges and the rules that ARCHITECTURE.md explains.
@Suite struct HouseTests {
    /// Read once for all tests.
    private static let house = Result { try House.here() }

    let rules: HouseRules

    init() throws { rules = HouseRules(house: try Self.house.get(), allowed: HouseRules.table(table)) }

    @Test func everyEdgeIsOnTheList() { #expect(rules.edgesNotOnTheList() == []) }

    @Test func theListHoldsNoEdgeThatIsGone() { #expect(rules.listedEdgesThatAreGone() == []) }

    @Test func testsUseCOnlyThroughItsWrapper() { #expect(rules.testsOnC() == []) }

    @Test func everyCModuleHasOneWrapper() { #expect(rules.cModulesWithSeveralWrappers() == []) }

    @Test func sourcesImportOnlyWhatTheirTargetDeclares() { #expect(rules.importsWithoutAnEdge() == []) }

    @Test func nothingImportsFoundationAndNothingOnABoxItsEssentials() { #expect(rules.outsideImports() == []) }

    @Test func theRuntimeLinksNoArchiveAndNoKeys() { #expect(rules.runtimeLinksTooMuch() == []) }

    @Test func theAgentsCoreLinksNoKeysAndNoNetwork() { #expect(rules.agentLinksTooMuch() == []) }

    @Test func everyTargetHasANameThatSaysWhatItDoes() { #expect(rules.namesThatSayNothing() == []) }

    @Test func theMapHasOneLineForEveryTarget() throws {
        #expect(rules.differences(fromMap: try Repository.text("ARCHITECTURE.md")) == [])
    }
}
