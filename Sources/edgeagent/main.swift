import CommandLine
import EdgeAgent

Program(
    Command(
        "edgeagent",
        summary: "keep a box's models as operators signed them: update, try, switch, go back, serve on",
        discussion: [
            "run is the resident agent. It starts edgeagent-sync for whatever needs network or keys, and runtimes "
                + "through edgelaunch; both lie beside it. The other commands ask a running agent or read its store; "
                + "sync, install and retry do the work themselves where no agent runs."
        ],
        options: Box.options,
        subcommands: [
            RunCommand.command, EnrollCommand.command, SyncCommand.command, StatusCommand.command, WhyCommand.command,
            RetryCommand.command,
            InstallCommand.command, RollbackCommand.command, HistoryCommand.command,
        ]
    ),
    version: agentVersion
).main()
