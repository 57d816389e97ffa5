import CommandLine
import EdgeRuntime
import Glibc

// Before anything can start a thread that reads the environment; ONNX Runtime's wheels would send telemetry else.
setenv("ORT_DISABLE_TELEMETRY", "1", 1)

Program(
    Command(
        "edgeruntime",
        summary: "serve a model bundle over HTTP, or check and try it without a server",
        discussion: [
            "Serves what edgepack built: an ONNX model in this process, or a scoring script (score.py with init() and "
                + "run()) in a supervised worker. Speaks the Open Inference Protocol v2 and the routes of the Azure ML "
                + "inference server."
        ],
        subcommands: [ServeCommand.command, CheckCommand.command, ScoreCommand.command]
    ),
    version: runtimeVersion
).main()
