import CommandLine

Program(
    Command(
        "edgeagent-sync",
        summary: "fetch, verify and admit what operators signed for this box",
        discussion: [
            "The agent starts this program for whatever needs the network, keys or archives; it can be run by hand as "
                + "well. `fetch` only talks to the network and only writes the inbox, `admit` verifies what lies there "
                + "and writes the store.",
            "The last line on standard output is one JSON object with the member \"outcome\": done, failed, refused, "
                + "damaged or waiting.",
        ],
        subcommands: [
            ConfigureCommand.command, EnrollCommand.command, FetchCommand.command, AdmitCommand.command,
            ReportCommand.command, CollectCommand.command, WhyCommand.command,
        ]
    ),
    version: "0.1"
).main()
