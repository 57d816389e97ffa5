package import Processes

/// All that a worker needs to run one scoring script.
package struct ScriptConfiguration: Sendable {
    /// Where the model is, as Azure ML projects name it.
    package enum Model: Sendable, Equatable {
        /// A folder that is `AZUREML_MODEL_DIR` as it stands, as a bundle has it.
        case folder(String)
        /// A file or folder that lies inside `AZUREML_MODEL_DIR` under its own name, as a project names it.
        case entry(String)
    }

    package var interpreter: PythonInterpreter
    /// Absolute path of `score.py`.
    package var script: String
    /// Absolute path of the folder that is added to `sys.path`, last.
    package var codeFolder: String
    package var model: Model?
    /// For the path of `AZUREML_MODEL_DIR`, `…/azureml-models/NAME/VERSION`.
    package var modelName: String
    package var modelVersion: String
    /// Folders with the bundle's packages; `.pth` files in them count.
    package var sitePackages: [String] = []
    /// False, as a bundle wants it: only `sitePackages`. True lets the interpreter's own packages in, for development.
    package var usesInterpreterPackages = false
    /// Variables from the bundle and the deployment. Those that the worker itself depends on win over them.
    package var environment: [String: String] = [:]
    /// For the numeric libraries' thread pools.
    package var threads = 1
    /// The time zone (`TZ`) that scripts see; nil is the system's.
    package var timeZone: String?
    /// Where the worker's private scratch folder is made; it must exist. The scratch folder is all that a worker should
    /// write to.
    package var scratchParent = "/tmp"
    /// For the worker's process. It needs more than 64 open files; an address space limit counts reservations, of which
    /// numeric libraries make many; a file size limit also bounds answers of more than 64 KiB.
    package var limits = ResourceLimits()
    /// The time for loading the script and `init()`.
    package var startLimit: Duration = .seconds(300)
    /// Requests that may wait while one runs.
    package var queueLimit = 64
    /// Of a request's and of an answer's body.
    package var payloadLimitBytes = 64 << 20
    package var restartPolicy = ScriptRestartPolicy()

    package init(
        interpreter: PythonInterpreter,
        script: String,
        codeFolder: String,
        model: Model?,
        modelName: String,
        modelVersion: String
    ) {
        self.interpreter = interpreter
        self.script = script
        self.codeFolder = codeFolder
        self.model = model
        self.modelName = modelName
        self.modelVersion = modelVersion
    }

    /// The whole environment of the worker: nothing of the runtime's own is inherited.
    func processEnvironment(in scratch: ScriptScratch.Layout) -> [String: String] {
        var variables = [
            "LANG": "C.UTF-8",
            // Numeric libraries take every core they see otherwise, whatever the quota.
            "OMP_NUM_THREADS": "\(threads)",
            "OPENBLAS_NUM_THREADS": "\(threads)",
            "MKL_NUM_THREADS": "\(threads)",
            "NUMEXPR_NUM_THREADS": "\(threads)",
            // Threads that wait spin by default, which costs the other core of a small box.
            "OMP_WAIT_POLICY": "PASSIVE",
        ]
        variables.merge(environment) { _, given in given }
        if let timeZone { variables["TZ"] = timeZone }
        variables["AZUREML_MODEL_DIR"] = scratch.modelFolder
        variables["AML_APP_ROOT"] = scratch.appRoot
        variables["AZUREML_ENTRY_SCRIPT"] = scratch.entryScript
        variables["HOME"] = scratch.temporaryFolder
        variables["TMPDIR"] = scratch.temporaryFolder
        variables["ORT_DISABLE_TELEMETRY"] = "1"
        // The worker itself has -B; this is for Python processes that the script starts.
        variables["PYTHONDONTWRITEBYTECODE"] = "1"
        return variables
    }
}
