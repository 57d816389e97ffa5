"""Measure scoring servers side by side on examples/digits: cold start, idle memory, requests per second.

    run.py [--edgeruntime PATH [--native DIR] [--script DIR]] [--rounds N] [--seconds S]

Without --edgeruntime only the floor and the peers are measured. DIR is an unpacked bundle. Writes RESULTS.md and
results.json beside this file; README.md one folder up tells the method. Needs wrk and a C compiler, and once the
network, to install the peers into .tools/. All that is measured happens on loopback.
"""

import argparse
import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import processes
import report

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ROOT / ".tools"
EXAMPLES = ROOT / "examples"
EXPECTED_LABEL = 7
CONNECTIONS = (1, 8)
START_DEADLINE = 30.0  # seconds until the first answer
REST = 2.0  # seconds between the first answer and reading the memory
WARM_UP = 1  # seconds of load before a measurement; wrk counts in whole ones


class Failure(Exception):
    """Something that makes the whole run useless, said to the user as it is."""


@dataclasses.dataclass(frozen=True)
class Server:
    key: str
    title: str
    command: list  # "{port}" stands for the port
    route: str
    body: pathlib.Path
    environment: dict
    folder: pathlib.Path = HERE


def venv(name):
    """A virtual environment in .tools with the pinned requirements of `name`; made when missing or outdated."""
    folder, wanted = TOOLS / f"bench-{name}", HERE / f"requirements-{name}.txt"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_bytes() != wanted.read_bytes():
        uv = TOOLS / "bin" / "uv"
        if not uv.exists():
            raise Failure(f"{uv} is missing; run scripts/setup first")
        print(f"installing {wanted.name}", file=sys.stderr)
        python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
        subprocess.run([uv, "venv", "-q", "--clear", "--python", python, folder], check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "--compile-bytecode", "--require-hashes", "-r", wanted]
            + ["--python", folder / "bin/python"],
            check=True,
        )
        shutil.copyfile(wanted, stamp)
    return folder


def build_floor():
    target = TOOLS / "bench-floor"
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        raise Failure("no C compiler in PATH; on Debian: apt-get install gcc libc6-dev")
    subprocess.run([compiler, "-O2", "-o", target, HERE / "floor.c", "-ldl"], check=True)
    return target


def bodies(folder):
    """The same image as one line of JSON in both protocols."""
    infer = json.loads((EXAMPLES / "digits/requests/seven.json").read_text())
    score = json.loads((EXAMPLES / "digits-script/requests/seven.json").read_text())
    paths = folder / "infer.json", folder / "score.json"
    for path, value in zip(paths, (infer, score)):
        path.write_text(json.dumps(value, separators=(",", ":")))
    return paths


def servers(options, folder):
    infer, score = bodies(folder)
    model = EXAMPLES / "digits/model/digits.onnx"
    fastapi, azureml = venv("fastapi"), venv("azureml")
    (library,) = fastapi.glob("lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*")
    # ONNX Runtime's wheels report home from 1.29 on; switched off for the peers as our runtime does by itself.
    # Their packages are compiled at installation, so that nothing is left to be written into the examples.
    peer = {"ORT_DISABLE_TELEMETRY": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    infer_route = "/v2/models/digits/infer"
    yield Server("floor", "C floor", [build_floor(), library, model, "{port}"], infer_route, infer, {})
    yield Server(
        "fastapi",
        "FastAPI + uvicorn",
        [fastapi / "bin/uvicorn", "fastapi_app:app", "--port", "{port}", "--log-level", "warning", "--no-access-log"],
        infer_route,
        infer,
        {**peer, "MODEL": str(model)},
    )
    script = EXAMPLES / "digits-script"
    yield Server(
        "azureml",
        "Azure ML inference server, score.py",
        [azureml / "bin/azmlinfsrv", "--entry_script", "score.py", "--model_dir", script / "model", "--port", "{port}"],
        "/score",
        score,
        peer,
        script / "src",
    )
    if options.native:
        command = [options.edgeruntime, "serve", options.native, "--port", "{port}"]
        yield Server("native", "edgeruntime, ONNX model", command, infer_route, infer, {})
    if options.script:
        command = [options.edgeruntime, "serve", options.script, "--port", "{port}"]
        yield Server("script", "edgeruntime, score.py", command, "/score", score, {})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, server, timeout=5.0):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", server.route, server.body.read_bytes(), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def label_of(body):
    answer = json.loads(body)
    if "outputs" in answer:
        answer = {output["name"]: output["data"] for output in answer["outputs"]}
    return answer["label"][0]


@contextlib.contextmanager
def running(server, log):
    """Starts the server; yields its process, its port and the seconds until it had answered a scoring request."""
    port = free_port()
    command = [str(part).replace("{port}", str(port)) for part in server.command]
    environment = {name: value for name, value in os.environ.items() if name != "CI"}  # CI switches telemetry off, too
    environment.update(server.environment)
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=server.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True,
    )
    try:
        yield process, port, first_answer(server, process, port, started)
    finally:
        stop(process)


def first_answer(server, process, port, started):
    while time.perf_counter() - started < START_DEADLINE:
        if process.poll() is not None:
            raise Failure(f"{server.title} ended with exit code {process.returncode} while starting")
        try:
            status, body = ask(port, server)
        except OSError:
            time.sleep(0.001)
            continue
        took = time.perf_counter() - started
        if status == 200:
            if label_of(body) != EXPECTED_LABEL:
                raise Failure(f"{server.title} answered {label_of(body)}, expected {EXPECTED_LABEL}")
            return took
        time.sleep(0.001)
    raise Failure(f"{server.title} gave no answer within {START_DEADLINE:.0f} s")


def stop(process):
    """Ends the session that the server was started in: SIGTERM, then SIGKILL."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def load(server, process, port, connections, seconds):
    """Requests per second with wrk, and how many cores strangers kept busy meanwhile."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", HERE / "post.lua"]
    url = f"http://127.0.0.1:{port}{server.route}"
    machine, own = processes.machine_seconds(), processes.processor_seconds(process.pid)
    children, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*command, url], env={**os.environ, "BODY": str(server.body)}, capture_output=True, text=True, check=True
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wrk = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    own = processes.processor_seconds(process.pid) - own
    foreign = (processes.machine_seconds() - machine - own - wrk) / wall
    counted = json.loads(done.stdout.strip().splitlines()[-1])
    if counted["errors"] or not counted["requests"]:
        raise Failure(f"{server.title}: {counted['errors']} of {counted['requests']} requests failed under load")
    return {
        "requests_per_second": counted["requests"] / counted["seconds"],
        "p50_ms": counted["p50_ms"],
        "p99_ms": counted["p99_ms"],
        "server_cores": own / wall,
        "foreign_cores": max(foreign, 0.0),
    }


def measure(server, options, log):
    """One round of one server."""
    starts = []
    for _ in range(options.starts - 1):
        with running(server, log) as (_, _, seconds):
            starts.append(seconds * 1e3)
    with running(server, log) as (process, port, seconds):
        starts.append(seconds * 1e3)
        time.sleep(REST)
        found = {"cold_start_ms": starts, "idle": processes.memory(process.pid)}
        for connections in CONNECTIONS:
            load(server, process, port, connections, WARM_UP)
            found[f"c{connections}"] = load(server, process, port, connections, options.seconds)
        found["loaded"] = processes.memory(process.pid)
        return found


def versions(options):
    def first_line(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip().splitlines()[0]

    found = {"wrk": first_line("wrk", "-v").split()[1].removeprefix("debian/")}
    found["compiler"] = first_line("cc", "--version")
    for name, package in (("fastapi", "fastapi"), ("fastapi", "uvicorn"), ("fastapi", "onnxruntime"),
                          ("fastapi", "numpy"), ("azureml", "azureml-inference-server-http"), ("azureml", "gunicorn")):
        code = f"import importlib.metadata as m; print(m.version('{package}'))"
        found[package] = first_line(TOOLS / f"bench-{name}" / "bin/python", "-c", code)
    found["python"] = first_line(TOOLS / "bench-fastapi/bin/python", "--version").removeprefix("Python ")
    if options.edgeruntime:
        found["edgeruntime"] = first_line(options.edgeruntime, "--version")
    return found


def machine():
    processor = next(
        (line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory),
        "system": system,
        "kernel": platform.release().split("-")[0],
        "architecture": platform.machine(),
    }


def parse():
    parser = argparse.ArgumentParser(description="Measure scoring servers side by side on examples/digits.")
    parser.add_argument("--edgeruntime", type=pathlib.Path, help="the program to measure beside the peers")
    parser.add_argument("--native", type=pathlib.Path, help="unpacked bundle of examples/digits")
    parser.add_argument("--script", type=pathlib.Path, help="unpacked bundle of examples/digits-script")
    parser.add_argument("--rounds", type=int, default=3, help="how often every server has its turn (default 3)")
    parser.add_argument("--starts", type=int, default=5, help="cold starts per server and round (default 5)")
    parser.add_argument("--seconds", type=int, default=5, help="of load per measurement (default 5)")
    parser.add_argument("--only", help="keys of servers, separated by commas: floor,fastapi,azureml,native,script")
    options = parser.parse_args()
    if (options.native or options.script) and not options.edgeruntime:
        parser.error("--native and --script need --edgeruntime")
    for name in ("edgeruntime", "native", "script"):
        if path := getattr(options, name):
            setattr(options, name, path.resolve(strict=True))
    return options


def run(options):
    if not shutil.which("wrk"):
        raise Failure("wrk is missing; on Debian: apt-get install wrk")
    begin = time.time()
    results = {}
    with tempfile.TemporaryDirectory() as folder, open(pathlib.Path(folder, "log"), "wb") as log:
        entries = list(servers(options, pathlib.Path(folder)))
        if options.only:
            entries = [server for server in entries if server.key in options.only.split(",")]
        for server in entries:  # once before it counts: files into the page cache
            with running(server, log):
                pass
        for number in range(options.rounds):
            for server in entries:
                print(f"round {number + 1} of {options.rounds}: {server.title}", file=sys.stderr)
                entry = results.setdefault(server.key, {"title": server.title, "rounds": []})
                entry["rounds"].append(measure(server, options, log))
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime(begin)),
        "took_seconds": round(time.time() - begin),
        "settings": {"rounds": options.rounds, "starts": options.starts, "seconds": options.seconds, "rest": REST},
        "machine": machine(),
        "versions": versions(options),
        "servers": results,
    }


def main():
    try:
        found = run(parse())
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    (HERE / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    text = report.markdown(found)
    (HERE / "RESULTS.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
