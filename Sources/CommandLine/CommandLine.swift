// CommandLine: in the making.
