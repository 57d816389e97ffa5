import Testing

/// A case of the public conformance suite of TUF (theupdateframework/tuf-conformance), written anew for our own simulator.
struct ConformanceCase: CustomTestStringConvertible, Sendable {
    typealias Body = @Sendable (CaseBench) throws -> Void

    /// What the suite calls it: `test_basic.py::test_root_expired`.
    let name: String
    let run: Body

    init(_ name: String, _ run: @escaping Body) {
        self.name = name
        self.run = run
    }

    var testDescription: String { name }

    static let all: [ConformanceCase] =
        basicCases + unsignedCases + metadataCases + expirationCases + downloadCases + keyCases + quotingCases
        + rollbackCases + staticRepositoryCases + graphCases + searchCases + delegationCases + rootRotationCases
        + roleRotationCases
}
