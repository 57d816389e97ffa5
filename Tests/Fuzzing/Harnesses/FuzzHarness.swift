internal import Diagnostics

/// What reads strangers' bytes, and what must hold whatever they are: run by libFuzzer over inputs that it makes up, and by
/// the replay tests over those that are kept.
package struct FuzzHarness: Sendable {
    /// What `scripts/fuzz` and the folder of its corpus call it.
    package let name: String
    /// What it reads, for a list.
    package let summary: String
    /// The longest input that tells anything new.
    package let limitBytes: Int
    private let body: @Sendable ([UInt8]) throws -> Void

    init(
        _ name: String,
        _ summary: String,
        limitBytes: Int,
        _ body: @escaping @Sendable ([UInt8]) throws -> Void
    ) {
        self.name = name
        self.summary = summary
        self.limitBytes = limitBytes
        self.body = body
    }

    /// Reads one input. Throws `FuzzFinding` where something doesn't hold; an input that is refused, as most are, is none.
    package func run(_ input: [UInt8]) throws { try body(input) }

    /// All there are, by name.
    package static let all: [FuzzHarness] = [
        certificates, json, keys, metadata, pathPatterns, proposals, update, xml,
    ].sorted {
        $0.name < $1.name
    }

    package static func named(_ name: String) -> FuzzHarness? { all.first { $0.name == name } }
}

/// Something that must hold and doesn't.
package struct FuzzFinding: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Throws unless `condition` holds.
func require(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws {
    guard condition else { throw FuzzFinding(otherwise()) }
}

/// The result, or nil where it is refused with an error of the kind that its callers expect; any other is a finding.
func refusing<Result, Refusal: Error>(_ expected: Refusal.Type, _ read: () throws -> Result) throws -> Result? {
    do { return try read() } catch is Refusal { return nil } catch let finding as FuzzFinding { throw finding } catch {
        throw FuzzFinding("refused by \(type(of: error)), \(error), where \(expected) is expected")
    }
}

/// The same where errors of several kinds are expected, each one that a user can act on.
func refusingExplained<Result>(_ read: () throws -> Result) throws -> Result? {
    do { return try read() } catch let finding as FuzzFinding { throw finding } catch is any ExplainedError {
        return nil
    } catch {
        throw FuzzFinding("refused by \(type(of: error)), \(error), which explains nothing")
    }
}
