import CommandLine
import Diagnostics
import JSON

extension Terminal {
    /// Runs `body` for each of the files, as a shell's pattern names several: one that fails does not keep the next from
    /// its turn. Returns the first exit code that is not 0.
    func forEach(_ files: [String], _ body: (String) throws -> ExitCode) throws -> ExitCode {
        guard files.count > 1 else { return try files.first.map(body) ?? .done }
        var first = ExitCode.done
        for file in files {
            let code: ExitCode
            do {
                code = try body(file)
            } catch let error as OutputError {
                // Nobody can read what follows either.
                throw error
            } catch let error as UsageError {
                throw error
            } catch {
                code = explain(error)
            }
            if first == .done { first = code }
        }
        return first
    }

    /// Prints one result: over several lines, or where there are several results in one line each.
    func write(_ result: JSONValue, isOneOfSeveral: Bool) throws {
        guard isOneOfSeveral else { return try write(String(decoding: result.prettyBytes(), as: UTF8.self)) }
        try writeLine(String(decoding: result.compactBytes(), as: UTF8.self))
    }
}
