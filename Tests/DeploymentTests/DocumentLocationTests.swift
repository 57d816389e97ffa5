import Deployment
import Testing

@Suite struct DocumentLocationTests {
    @Test(arguments: ["deployments/prod/digits/1.json", "deployments/dev/a.b-c_d/9007199254740991.json"])
    func readsADeploymentsPath(_ path: String) { #expect(DeploymentLocation(path: path)?.path == path) }

    @Test(arguments: [
        "", "deployments/prod/digits/0.json", "deployments/prod/digits/01.json", "deployments/prod/digits/+1.json",
        "deployments/prod/digits/-1.json", "deployments/prod/digits/1", "deployments/prod/digits/1.JSON",
        "deployments/test/digits/1.json", "deployments/prod/../1.json", "deployments/prod//1.json",
        "deployments/prod/digits/9007199254740992.json", "/deployments/prod/digits/1.json",
        "deployments/prod/digits/x/1.json", "rollouts/prod/digits/1.json", "deployments/prod/digits/.json",
    ])
    func refusesAnyOtherPathForADeployment(_ path: String) { #expect(DeploymentLocation(path: path) == nil) }

    @Test func readsTheOtherPaths() {
        #expect(RolloutLocation(path: "rollouts/prod/digits.json")?.path == "rollouts/prod/digits.json")
        #expect(AcceptanceLocation(path: "acceptance/digits/4.json")?.path == "acceptance/digits/4.json")
    }

    @Test(arguments: [
        "rollouts/prod/digits", "rollouts/digits.json", "rollouts/prod/Digits.json", "rollouts/prod/.json",
    ])
    func refusesAnyOtherPathForARollout(_ path: String) { #expect(RolloutLocation(path: path) == nil) }

    @Test(arguments: ["acceptance/digits/0.json", "acceptance/digits.json", "acceptance/a/b/1.json"])
    func refusesAnyOtherPathForAnAcceptanceSet(_ path: String) { #expect(AcceptanceLocation(path: path) == nil) }

    @Test(arguments: [
        ("0", 0), ("100", 100_000), ("5", 5_000), ("0.25", 250), ("12.5%", 12_500), ("0.001", 1), ("99.999", 99_999),
        ("0.1", 100), ("33.3", 33_300),
    ])
    func readsSharesExactly(_ text: String, _ thousandths: Int) { #expect(Percent(text)?.thousandths == thousandths) }

    @Test(arguments: ["", "%", "-1", "100.001", "0.0001", "1e1", "nan", "inf", "0x5", " 5", "5 %", "1.2.3"])
    func refusesWhatIsNoShare(_ text: String) { #expect(Percent(text) == nil) }

    @Test func everyStepReadsBackFromItsDouble() {
        let wrong = (0...100_000).filter { Percent(Double($0) / 1000)?.thousandths != $0 }
        #expect(wrong == [])
    }
}
