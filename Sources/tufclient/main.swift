import CommandLine
import Glibc

// The protocol of the public conformance suite (theupdateframework/tuf-conformance, CLIENT-CLI.md): options before the
// command, and an exit code of 0 or 1, whatever the reason.
signal(SIGPIPE, SIG_IGN)
let program = Program(TUFClient.command, version: TUFClient.version)
exit(program.run(Array(CommandLine.arguments.dropFirst()), on: .ofProcess()) == 0 ? 0 : 1)
