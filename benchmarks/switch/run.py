"""Switch an endpoint between two bundles again and again under load, and count lost requests.

    run.py --programs DIR [--switches N] [--minutes M] [--rate R] [--parts control agent]

Two parts. Control protocol: N switches between runtimes, by Tests/EndToEndTests/judges/handover.py, which does with
them what an agent does, and N/10 between a model and a script. Agent: N deployments of two bundles in turn through a
signed repository, each followed by a box from fetching to committing, within M minutes. Writes RESULTS.md and
results.json beside this file; README.md one folder up tells the method. Everything happens on loopback and in a
temporary folder.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import box as support  # noqa: E402
from box import Failure  # noqa: E402

HANDOVER = support.ROOT / "Tests/EndToEndTests/judges/handover.py"
NATIVE = support.ROOT / "examples/digits"
SCRIPT = support.ROOT / "examples/digits-script"
# An ONNX bundle and a script answer at /score alike.
PATH = "/score"
BODIES = [SCRIPT / "requests/seven.json", SCRIPT / "requests/hard.json"]


def by_control(programs, trees, switches, options):
    command = [
        sys.executable, HANDOVER, programs.edgeruntime, *trees, "--path", PATH, "--switches", switches,
        "--rate", options.rate, "--connections", options.connections, "--fresh", options.fresh,
    ]
    for body in BODIES:
        command += ["--body", body]
    # Code 1 is lost requests, which are a result too.
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failure(f"handover.py ended with {done.returncode}:\n{done.stdout}{done.stderr}") from None


def by_agent(programs, folder, options, repository, versions):
    repository.deploy(versions[0], soak="0")
    box = support.Box(programs, folder, repository.path, repository.path / "metadata/1.root.json", poll="1s")
    load = None
    took = []
    try:
        box.start()
        box.wait_until_serving(versions[0])
        load = support.Load(
            box.url + PATH, BODIES, options.rate, options.connections, folder, options.fresh
        )
        end = time.monotonic() + 60 * options.minutes
        while len(took) < options.switches and time.monotonic() < end and load.process.poll() is None:
            version = versions[(len(took) + 1) % len(versions)]
            before = time.monotonic()
            repository.deploy(version, soak="0")
            box.wait_until_serving(version)
            took.append(time.monotonic() - before)
        report = load.finish()
    finally:
        if load:
            load.kill()
        box.stop()
    took.sort()
    report["switches"] = len(took)
    report["secondsPerSwitch"] = {"median": round(took[len(took) // 2], 2), "max": round(took[-1], 2)}
    return report


def run(options):
    programs = support.Programs(options.programs)
    support.environment_for_uv()
    with support.scratch(options) as folder:
        work = pathlib.Path(folder)
        repository = support.Repository(programs, work)
        bundles = [repository.add(NATIVE, 1), repository.add(NATIVE, 2), repository.add(SCRIPT, 3)]
        trees = []
        for number, bundle in enumerate(bundles):
            trees.append(work / f"tree-{number + 1}")
            programs.pack("extract", bundle, trees[-1])
        # A part that is not run keeps what it had.
        parts = json.loads((HERE / "results.json").read_text())["parts"] if len(options.parts) == 1 else {}
        if "control" in options.parts:
            parts["two ONNX bundles, control protocol"] = by_control(programs, trees[:2], options.switches, options)
            mixed = max(1, options.switches // 10)
            parts["an ONNX bundle and a script, control protocol"] = by_control(programs, trees[1:], mixed, options)
        if "agent" in options.parts:
            parts["two ONNX bundles, repository and agent"] = by_agent(programs, work, options, repository, (1, 2))
        return {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "machine": support.machine(),
            "rate": options.rate,
            "connections": options.connections,
            "fresh": options.fresh,
            "parts": parts,
        }


def markdown(found):
    lines = [
        "# Switching under load: results",
        "",
        f"Written by `run.py` on {found['date']}; the method is in [../README.md](../README.md).",
        "",
        f"- Machine: {found['machine']}.",
        f"- {found['rate']:g} requests a second were due, over at most {found['connections']} connections at once; "
        f"{found['fresh']:.0%} of them opened a connection of their own.",
        "",
        "| switched | switches | seconds | requests | lost | p50 ms | p99 ms | p99.9 ms | max ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, part in found["parts"].items():
        latency = part["latencyMilliseconds"]
        lines.append(
            f"| {name} | {part['switches']:,} | {part['seconds']:.0f} | {part['sent']:,} | {part['failed']:,} | "
            f"{latency['p50']:.1f} | {latency['p99']:.1f} | {latency['p999']:.1f} | {latency['max']:.0f} |"
        )
    lines += [
        "",
        "Latency counts from when a request was due, all through the switching: it includes waiting for the processor "
        "while the next model loads.",
    ]
    for name, part in found["parts"].items():
        if part["errors"]:
            lines += ["", f"Errors of \"{name}\": {part['errors']}; the first: {part['examples']}."]
        if "secondsPerSwitch" in part:
            seconds = part["secondsPerSwitch"]
            lines += [
                "",
                f"With repository and agent, from starting to sign a deployment until the box had committed it: median "
                f"{seconds['median']:.1f} s, at most {seconds['max']:.1f} s, at a poll interval of 1 s.",
            ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Switch between two bundles under load, and count lost requests.")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs to measure")
    parser.add_argument("--switches", type=int, default=1000, help="switches of each part (default 1000)")
    parser.add_argument("--minutes", type=float, default=30, help="limit for the agent's part (default 30)")
    parser.add_argument("--parts", nargs="+", choices=("control", "agent"), default=["control", "agent"])
    parser.add_argument("--rate", type=float, default=300, help="requests per second (default 300)")
    parser.add_argument("--connections", type=int, default=8, help="requests under way at once, at most (default 8)")
    parser.add_argument("--fresh", type=float, default=0.1, help="share on connections of their own (default 0.1)")
    parser.add_argument("--work", type=pathlib.Path, help="folder to work in (default: the system's temporary one)")
    options = parser.parse_args()
    try:
        found = run(options)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    support.write_results(HERE, found, markdown(found))
    return 0 if all(part["failed"] == 0 for part in found["parts"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
