"""Measure what the resident agent costs while it has nothing to do but poll, and to report to a fleet.

    run.py --programs DIR [--minutes N] [--poll SECONDS]

A box with one endpoint served follows a repository folder; so do two more, which report to a fleet of their own every
minute and every ten seconds. Beside them, in the same run: floor.c, which does what the first does
with C's means, and the services of rauc and swupdate where they are installed (apt-get install rauc rauc-service dbus
swupdate), which do not poll. Writes RESULTS.md and results.json beside this file; README.md one folder up tells the
method. Everything happens on this machine and in a temporary folder.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import box as support  # noqa: E402
from box import Failure  # noqa: E402

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
PSS_MIB, CPU_MS = 5, 2
ALONE = "edgeagent"
RUNTIME = "edgeruntime (the model that it keeps served)"
# Seconds between reports to a fleet; 0 where there is none.
BOXES = {ALONE: 0, "edgeagent, fleet every 60 s": 60, "edgeagent, fleet every 10 s": 10}
RAUC = """[system]
compatible=benchmark
bootloader=noop
data-directory={folder}
[keyring]
path={folder}/certificate.pem
[slot.rootfs.0]
device={folder}/slot
type=raw
bootname=A
"""


class Process:
    """A process while it runs, by /proc; its descendants where it has any that stay."""

    def __init__(self, name, pid, more=()):
        self.name, self.pid, self.more = name, pid, list(more)
        self.samples = []

    def memory(self):
        found = {"Pss": 0, "Private_Dirty": 0, "Private_Clean": 0, "Shared_Clean": 0}
        for pid in [self.pid, *self.more]:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in found:
                    found[name] += int(value.split()[0])
        return {name: value / 1024 for name, value in found.items()}

    def work(self):
        """Milliseconds on a processor, those of children that ended, and how often it was woken."""
        own = wakes = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            base = pathlib.Path(f"/proc/{self.pid}/task/{task}")
            own += int((base / "schedstat").read_text().split()[0]) / 1e6
            wakes += sum(int(line.split()[1]) for line in (base / "status").open() if line.startswith("voluntary_ctxt"))
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return {"own_ms": own, "children_ms": (int(fields[13]) + int(fields[14])) * TICK_MS, "wakes": wakes}

    def begin(self):
        self.start = (time.monotonic(), self.work())

    def sample(self):
        self.samples.append(self.memory())

    def end(self):
        before, first = self.start
        minutes = (time.monotonic() - before) / 60
        last = self.work()
        per_minute = {name: (last[name] - first[name]) / minutes for name in last}
        half = self.samples[len(self.samples) // 2:]
        return {
            "pss_first_mib": self.samples[0]["Pss"],
            "pss_last_mib": self.samples[-1]["Pss"],
            "pss_median_mib": statistics.median(sample["Pss"] for sample in self.samples),
            "pss_max_mib": max(sample["Pss"] for sample in self.samples),
            "private_mib": half[-1]["Private_Dirty"] + half[-1]["Private_Clean"],
            "private_dirty_mib": half[-1]["Private_Dirty"],
            "minutes": minutes,
            **{f"{name}_per_minute": value for name, value in per_minute.items()},
        }


class Peers:
    """Services of others, at rest."""

    def __init__(self, folder):
        self.folder = folder / "peers"
        self.folder.mkdir()
        self.started = []

    def certificate(self):
        path = self.folder / "certificate.pem"
        support.run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.folder / "key.pem",
            "-out", path, "-days", "30", "-subj", "/CN=benchmark",
        )
        return path

    def launch(self, command):
        log = open(self.folder / "log", "ab")
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        self.started.append(child)
        time.sleep(4)
        return None if child.poll() is not None else child.pid

    def start(self):
        if not shutil.which("openssl"):
            return
        certificate = self.certificate()
        if shutil.which("rauc") and shutil.which("dbus-run-session"):
            (self.folder / "slot").write_bytes(bytes(1 << 20))
            (self.folder / "system.conf").write_text(RAUC.format(folder=self.folder))
            # The bus ends with the command it was started for.
            pid_file = self.folder / "rauc.pid"
            script = f"export DBUS_STARTER_BUS_TYPE=session; echo $$ > {pid_file}; " \
                f"exec rauc -c {self.folder}/system.conf --override-boot-slot=A service"
            if self.launch(["dbus-run-session", "--", "sh", "-c", script]):
                yield Process("rauc service", int(pid_file.read_text()))
        if shutil.which("swupdate"):
            pid = self.launch(["swupdate", "-k", certificate])
            if pid:
                children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                yield Process("swupdate", pid, [int(child) for child in children])

    def stop(self):
        for child in reversed(self.started):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


class Fleet:
    """A fleet's server on this machine."""

    def __init__(self, programs, folder, interval):
        """Serves a fleet whose boxes check in every `interval` seconds where nothing changes."""
        self.program, self.data = programs.folder / "edgefleet", folder / "fleet"
        if not self.program.exists():
            raise Failure(f"{self.program} is not there; scripts/build makes it")
        self.url = f"https://127.0.0.1:{support.free_port()}"
        self.log = open(folder / "fleet.log", "ab")
        self.server = subprocess.Popen(
            [
                self.program, "serve", "--data", self.data, "--listen", self.url.removeprefix("https://"),
                "--dashboard", f"127.0.0.1:{support.free_port()}", "--interval", f"{interval}s",
            ],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )
        support.wait_for("the fleet's server", lambda: (self.data / "fleet.json").exists())

    def enrol(self, box):
        token = support.run(self.program, "token", "create", "--data", self.data, "--server", self.url).strip()
        support.run(box.programs.edgeagent, "enroll", "--token", token, *box.arguments)

    def check(self):
        """Throws where the box did not report: then something else was measured."""
        devices = json.loads(support.run(self.program, "devices", "--data", self.data, "--json"))["devices"]
        if [device["reachable"]["answer"] for device in devices] != ["yes"]:
            raise Failure(f"the box does not report to its fleet: {devices}")

    def stop(self):
        self.server.terminate()
        self.server.wait()
        self.log.close()


def own_copy(programs, folder):
    """The programs under files of their own: PSS divides the pages of a file among all who run it."""
    folder.mkdir()
    for name in programs.NAMES:
        shutil.copy2(programs.folder / name, folder / name)
    return support.Programs(folder)


def run(options):
    programs = support.Programs(options.programs)
    support.environment_for_uv()
    with support.scratch(options) as name:
        folder = pathlib.Path(name)
        repository = support.Repository(programs, folder)
        repository.add(support.ROOT / "examples/digits", 1)
        repository.deploy(1, soak="0")
        boxes, fleets, watched = {}, [], []
        peers = Peers(folder)
        floor = None
        try:
            for name, interval in BOXES.items():
                place = folder / f"box-{interval}"
                place.mkdir()
                box = support.Box(
                    own_copy(programs, place / "bin"), place, repository.path, repository.path / "metadata/1.root.json", f"{options.poll}s"
                )
                if interval:
                    fleets.append(Fleet(programs, place, interval))
                    fleets[-1].enrol(box)
                boxes[name] = box
                box.start()
            for box in boxes.values():
                box.wait_until_serving(1)
            plain = boxes[ALONE]
            floor = subprocess.Popen(
                [
                    support.compile_c(HERE / "floor.c", folder / "floor"), str(options.poll),
                    plain.store / "tuf/plan.json",
                ],
                stdin=subprocess.DEVNULL,
            )
            watched = [Process(name, box.agent.pid) for name, box in boxes.items()]
            watched += [Process("C floor", floor.pid), Process(RUNTIME, plain.runtimes()[0]), *peers.start()]
            # What a start costs is not what rest costs.
            time.sleep(options.settle)
            for process in watched:
                process.begin()
            for _ in range(max(2, round(options.minutes * 6))):
                time.sleep(10)
                for box in boxes.values():
                    if box.agent.poll() is not None:
                        raise Failure(f"the agent ended:\n{box.log.read_text()[-2000:]}")
                for process in watched:
                    process.sample()
            found = {process.name: process.end() for process in watched}
            for fleet in fleets:
                fleet.check()
        finally:
            peers.stop()
            if floor:
                floor.terminate()
                floor.wait()
            for box in boxes.values():
                box.stop()
            for fleet in fleets:
                fleet.stop()
        return {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "machine": support.machine(),
            "architecture": platform.machine(),
            "poll_s": options.poll,
            "minutes": options.minutes,
            "sizes": {name: (programs.folder / name).stat().st_size for name in programs.NAMES},
            "processes": found,
        }


def markdown(found):
    processes = found["processes"]
    agent, floor = processes[ALONE], processes["C floor"]
    lines = [
        "# The agent at rest: results",
        "",
        f"Written by `run.py` on {found['date']}; the method is in [../README.md](../README.md).",
        "",
        f"- Machine: {found['machine']}.",
        f"- {found['minutes']:g} minutes, a poll every {found['poll_s']} s (10 % more or less).",
        "",
        "| process | PSS MiB, first sample | last sample | median | largest | private MiB | of it written to | "
        "processor ms a minute | its helpers' | wakes a minute |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in processes.items():
        lines.append(
            f"| {name} | {row['pss_first_mib']:.2f} | {row['pss_last_mib']:.2f} | "
            f"{row['pss_median_mib']:.2f} | {row['pss_max_mib']:.2f} | "
            f"{row['private_mib']:.2f} | {row['private_dirty_mib']:.2f} | {row['own_ms_per_minute']:.2f} | "
            f"{row['children_ms_per_minute']:.0f} | {row['wakes_per_minute']:.0f} |"
        )
    whole = agent["pss_last_mib"] + processes[RUNTIME]["pss_last_mib"]
    ratio = agent["own_ms_per_minute"] / floor["own_ms_per_minute"]
    lines += [
        "",
        f"Agent and runtime together: {whole:.1f} MiB. Nothing else stays: helpers and launchers end with their work.",
        f"The agent's processor time is {ratio:.1f} times the floor's.",
        "",
        "| bar | measured | verdict |",
        "|---|---|---|",
        *(
            f"| PSS at most {PSS_MIB} MiB at rest: {name} | {processes[name]['pss_median_mib']:.2f} MiB (median; a sample "
            f"that falls into a poll or a report shows up to {processes[name]['pss_max_mib']:.2f}) | "
            f"{'reached' if processes[name]['pss_median_mib'] <= PSS_MIB else '**missed**'} |"
            for name in BOXES
        ),
        f"| processor at most {CPU_MS} ms a minute at a poll every 10 s | {agent['own_ms_per_minute']:.1f} ms; "
        f"the floor takes {floor['own_ms_per_minute']:.1f} ms | "
        f"{'reached' if agent['own_ms_per_minute'] <= CPU_MS else '**missed**'} |",
        "",
        "Sizes of the programs, release build, stripped, Swift's runtime within:",
        "",
        "| program | MB |",
        "|---|---|",
        *(f"| {name} | {size / 1e6:.1f} |" for name, size in found["sizes"].items()),
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Measure what the resident agent costs at rest.")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs to measure")
    parser.add_argument("--minutes", type=float, default=2, help="how long (default 2; 60 to see growth)")
    parser.add_argument("--poll", type=int, default=10, help="seconds between polls (default 10)")
    parser.add_argument("--settle", type=float, default=25, help="seconds before the first sample (default 25)")
    parser.add_argument("--work", type=pathlib.Path, help="folder to work in (default: the system's temporary one)")
    options = parser.parse_args()
    try:
        found = run(options)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    support.write_results(HERE, found, markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
