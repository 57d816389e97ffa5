"""A repository and boxes for measurements: made with edgepack, run with edgeagent, in a folder that goes away."""

import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOAD = ROOT / "Tests/EndToEndTests/judges/load.py"
ENDPOINT = "digits"
CHANNEL = "prod"
DEVICE = "generic-" + platform.machine().replace("arm64", "aarch64")


class Failure(Exception):
    """Something that makes the run useless, said to the user as it is."""


def run(*command, codes=(0,), seconds=120, environment=None):
    """Runs a command to its end, and returns what it printed."""
    command = [str(part) for part in command]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, env=environment
    )
    if done.returncode not in codes:
        raise Failure(f"exit code {done.returncode} from {' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what, condition, seconds=60, pause=0.05):
    """What the condition answers once that is true."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"{what} did not come within {seconds} s")
        time.sleep(pause)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Programs:
    """The programs to measure, all in one folder as `scripts/build` leaves them."""

    NAMES = ("edgepack", "edgeagent", "edgeagent-sync", "edgelaunch", "edgeruntime")

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        for name in self.NAMES:
            path = self.folder / name
            if not path.exists():
                raise Failure(f"{path} is not there; scripts/build makes it")
            setattr(self, name.replace("edgeagent-sync", "sync"), path)

    def pack(self, *arguments, **more):
        return run(self.edgepack, *arguments, **more)


class Repository:
    """Every key in one folder; the channel `prod` and the endpoint `digits`."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.path, self.keys = folder / "repository", folder / "keys"
        programs.pack("repo", "init", self.path, "--keys", self.keys)

    def add(self, project, version):
        """Builds and publishes a version of a project; returns the archive."""
        output = self.folder / f"dist-{version}"
        self.programs.pack("build", project, "-o", output, "--device", DEVICE, "--version", version)
        (bundle,) = output.glob("*.bundle.tar.zst")
        self.programs.pack("publish", bundle, "--to", self.path, "--keys", self.keys)
        return bundle

    def deploy(self, version, soak="1"):
        self.programs.pack(
            "deploy", f"{ENDPOINT}@{version}", "--endpoint", ENDPOINT, "--channel", CHANNEL, "--to", self.path,
            "--keys", self.keys, "--reason", "a measurement", "--soak", soak,
        )


class Box:
    """A store, an address, and an agent."""

    def __init__(self, programs, folder, source, root, poll):
        self.programs, self.store = programs, folder / "box"
        self.log = folder / "agent.log"
        self.port = free_port()
        self.arguments = [
            "--store", self.store, "--from", source, "--root", root, "--channel", CHANNEL,
            "--endpoint", f"{ENDPOINT}=127.0.0.1:{self.port}", "--poll", poll,
        ]
        self.agent = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        with open(self.log, "ab") as log:
            self.agent = subprocess.Popen(
                [self.programs.edgeagent, "run", *map(str, self.arguments)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def status(self):
        done = subprocess.run(
            [self.programs.edgeagent, "status", "--store", self.store, "--json"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        )
        if done.returncode != 0:
            return {}
        endpoints = json.loads(done.stdout).get("endpoints") or [{}]
        return endpoints[0]

    def is_settled_on(self, version):
        now = self.status()
        return now if now.get("state") == "Idle" and (now.get("current") or {}).get("version") == str(version) else None

    def wait_until_serving(self, version, seconds=60):
        try:
            return wait_for(f"version {version}", lambda: self.is_settled_on(version), seconds)
        except Failure as failure:
            raise Failure(f"{failure}: {self.status()}\n{self.log.read_text()[-4000:]}") from None

    def runtimes(self):
        return [runtime["pid"] for runtime in self.status().get("runtimes") or []]

    def stop(self):
        """The agent as systemd would stop it, then its runtimes, which else go on."""
        if self.agent is None:
            return
        runtimes = self.runtimes()
        self.agent.send_signal(signal.SIGTERM)
        try:
            self.agent.wait(30)
        except subprocess.TimeoutExpired:
            self.agent.kill()
            self.agent.wait()
        self.agent = None
        for process in runtimes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass


class Load:
    """Requests at a fixed rate, from when they are due; nothing is tried again. See judges/load.py."""

    def __init__(self, url, bodies, rate, connections, folder, fresh=0.1):
        self.end = folder / "load.end"
        self.end.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                sys.executable, LOAD, url, "--rate", str(rate), "--connections", str(connections),
                "--fresh", str(fresh), "--until-file", self.end,
                *(part for body in bodies for part in ("--body", str(body))),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )

    def finish(self):
        self.end.touch()
        return json.loads(self.process.communicate(timeout=120)[0])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def machine():
    """The class of machine, for the head of a results file; never its name."""
    model = next(
        (line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = {}
    if os.path.exists("/etc/os-release"):
        for line in open("/etc/os-release"):
            name, _, value = line.strip().partition("=")
            system[name] = value.strip('"')
    return (
        f"{model.split('@')[0].strip()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, "
        f"{system.get('PRETTY_NAME', 'Linux')}, Linux {platform.release().partition('-')[0]}, {platform.machine()}"
    )


def environment_for_uv():
    """edgepack build of a script needs uv, which lies in .tools."""
    os.environ["PATH"] = f"{ROOT / '.tools/bin'}:{os.environ['PATH']}"


def scratch(options):
    """A temporary folder, as a context."""
    return tempfile.TemporaryDirectory(prefix="edge-bench-", dir=options.work)


def write_results(folder, found, text):
    (folder / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    (folder / "RESULTS.md").write_text(text)
    print(text)


def compile_c(source, target):
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        raise Failure("no C compiler in PATH; on Debian: apt-get install gcc libc6-dev")
    run(compiler, "-O2", "-o", target, source)
    return target
