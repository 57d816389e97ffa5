import CommandLine
import Fleet

Program(
    Command(
        "edgefleet",
        summary: "show what runs where, how healthy it is, and why",
        discussion: [
            "A fleet is a folder: its database, its certificate authority, and how its server is reached. `serve` takes what "
                + "boxes report and shows it; every other command reads and changes the folder itself, whether or not the "
                + "server runs."
        ],
        subcommands: [
            ServeCommand.command, TokenCommand.command, DevicesCommand.command, DeviceCommand.command,
            StatusCommand.command,
            WhereCommand.command, EventsCommand.command, AuditCommand.command, SimulateCommand.command,
        ]
    ),
    version: fleetVersion
).main()
