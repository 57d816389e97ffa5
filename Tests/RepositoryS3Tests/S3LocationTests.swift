import Testing

@testable import RepositoryS3

@Suite struct S3LocationTests {
    @Test func placesDiffer() {
        #expect(S3Location(bucket: "models", prefix: "edge") != S3Location(bucket: "models", prefix: ""))
    }
}
