import CommandLine

/// `edgepack repo`.
enum RepoCommand {
    static let command = Command(
        "repo",
        summary: "make and keep a repository of bundles and deployments",
        subcommands: [
            RepoInitCommand.command,
            RepoProposeCommand.command,
            RepoSignCommand.command,
            RepoStatusCommand.command,
            RepoCommitCommand.command,
            RepoVerifyCommand.command,
            RepoExportCommand.command,
            RepoDelegateCommand.command,
            RepoUndelegateCommand.command,
            RepoRotateCommand.command,
            RepoRefreshCommand.command,
            RepoGcCommand.command,
            RepoCheckExpiryCommand.command,
        ]
    )
}
