import CommandLine
import Fleet

Program(
    Command(
        "edgefleet",
        summary: "show what runs where, how healthy it is, and why",
        subcommands: [ServeCommand.command]
    ),
    version: fleetVersion
).main()
