import CommandLine
import Packager

Program(
    Command(
        "edgepack",
        summary: "bundle a model with its script and pinned environment, sign it, and check it",
        discussion: [
            "A project is a folder with bundle.yaml. `lock` pins its environment, `build` makes one archive for each "
                + "platform of its devices; the same inputs give the same bytes anywhere."
        ],
        subcommands: [
            InitCommand.command, LockCommand.command, BuildCommand.command, TestCommand.command, SignCommand.command,
            SignatureCommand.command, VerifyCommand.command, InspectCommand.command, ExtractCommand.command,
            KeyCommand.command, RepoCommand.command, PublishCommand.command, AcceptanceCommand.command,
            DeployCommand.command, RolloutCommand.command, RevokeCommand.command,
        ]
    ),
    version: packagerVersion
).main()
