import CommandLine

Program(
    Command(
        "edgelaunch",
        summary: "start runtimes in their containment",
        discussion: [
            "The agent asks for a runtime by endpoint, slot and digest; this program makes the command line, the "
                + "environment and the walls around it, and answers with the process and what contains it.",
            "`serve` runs as root beside an agent that does not, and stays. `once` is what an agent starts where there is "
                + "no such launcher: it takes one request, with the agent's own rights, and ends.",
        ],
        subcommands: [ServeCommand.command, OnceCommand.command]
    ),
    version: "0.1"
).main()
