import CommandLine
import EdgeRuntime

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
