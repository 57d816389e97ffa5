"""Measure a fleet's server while simulated boxes report to it and somebody looks at every page again and again.

    run.py --programs DIR [--parts thousand hundred-thousand] [--minutes M]

Two parts. `thousand`: 1,000 boxes that check in every 10 s. `hundred-thousand`: the database holds 100,000 devices, and
check-ins come at the rate of so many that check in every 10 minutes (167 a second), from 2,000 of them. Meanwhile every
page, every route of the operators' API and the commands of edgefleet are asked in turn, one at a time. Writes RESULTS.md
and results.json beside this file; README.md one folder up tells the method. Everything happens on loopback and in a
temporary folder.
"""

import argparse
import http.client
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import box as support  # noqa: E402
from box import Failure  # noqa: E402

TICK = 1 / os.sysconf("SC_CLK_TCK")
# "Every page and query stays under 1 s."
BAR_SECONDS = 1.0
PARTS = {
    "thousand": {"boxes": 1_000, "interval": 10, "minutes": 5, "copies": 1},
    # The server lets 2,000 boxes enrol from one address at once, and 50 a second from then on: 100,000 would take more
    # than half an hour. So 2,000 enrol and report until each has had an update, and are copied 49 times.
    "hundred-thousand": {"boxes": 2_000, "interval": 12, "minutes": 5, "copies": 50},
}
COPIED_INTERVAL = 600


class Server:
    """`edgefleet serve` with a folder of its own."""

    def __init__(self, program, folder):
        self.program, self.data = program, folder / "fleet"
        self.log = folder / "server.log"
        self.ports = [support.free_port(), support.free_port()]
        self.port = self.ports[1]
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [
                    self.program, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.ports[0]}",
                    "--dashboard", f"127.0.0.1:{self.ports[1]}",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        prefer(self.process.pid)
        support.wait_for("the server", self.answers, 60)

    def answers(self):
        if self.process.poll() is not None:
            raise Failure(f"the server ended:\n{self.log.read_text()}")
        try:
            return self.get("/api/overview")[0] == 200
        except OSError:
            return False

    def get(self, path):
        """Status and body, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, path):
        status, body = self.get(path)
        if status != 200:
            raise Failure(f"{path} answers {status}: {body[:500]}")
        return json.loads(body)

    def command(self, *words, **more):
        return support.run(self.program, *words, "--data", self.data, **more)

    def memory(self):
        found = {}
        for line in pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("Rss", "Pss"):
                found[name] = int(value.split()[0]) / 1024
        return found

    def database_mib(self):
        return sum(path.stat().st_size for path in self.data.glob("fleet.db*")) / 2**20

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def prefer(pid):
    """Gives a process the priority that this one was started with, also over other sessions (sched(7), autogroup)."""
    try:
        pathlib.Path(f"/proc/{pid}/autogroup").write_text(str(os.nice(0)))
    except OSError:
        pass


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


class Looker(threading.Thread):
    """Asks every page, route and command in turn, and keeps how long each took."""

    def __init__(self, server, device):
        super().__init__(daemon=True)
        self.server, self.device = server, device
        self.took, self.bytes, self.wrong = {}, {}, []
        self.ends = threading.Event()

    def run(self):
        while not self.ends.is_set():
            for name, ask in self.questions():
                if self.ends.is_set():
                    return
                self.measure(name, ask)
                # A person reads; what is measured is an answer and not a load.
                time.sleep(0.02)

    def measure(self, name, ask):
        begin = time.monotonic()
        try:
            size = ask()
        except (Failure, OSError, ValueError, subprocess.TimeoutExpired) as problem:
            self.wrong.append(f"{name}: {problem}"[:300])
            return
        self.took.setdefault(name, []).append(time.monotonic() - begin)
        self.bytes[name] = max(size, self.bytes.get(name, 0))

    def get(self, path):
        def ask():
            status, body = self.server.get(path)
            if status != 200:
                raise Failure(f"{status}: {body[:200]}")
            return len(body)
        return ask

    def command(self, *words, codes=(0,)):
        return lambda: len(self.server.command(*words, codes=codes))

    def questions(self):
        for page in ("/", *self.pages()):
            yield f"GET {page}", self.get(page)
        event, digest = self.newest()
        for name, path in [
            ("/api/overview", None), ("/api/devices", None), ("/api/devices?converged=no", None),
            ("/api/devices?q=digits@2", None), ("/api/devices?running=digits@2&sort=lastSeen", None),
            ("/api/devices/ID", f"/api/devices/{self.device}"),
            ("/api/devices/ID/metrics", f"/api/devices/{self.device}/metrics"),
            ("/api/events", None), ("/api/events?device=ID", f"/api/events?device={self.device}"),
            ("/api/events/N", f"/api/events/{event}"), ("/api/bundles", None),
            ("/api/bundles/DIGEST", f"/api/bundles/{digest}"),
        ]:
            yield f"GET {name}", self.get(path or name)
        states = (0, 20, 21, 22, 23)
        for words in (
            ["devices"], ["devices", "--converged", "no", "--json"], ["status"], ["where", "digits@2"],
            ["events", "--limit", "50"],
        ):
            yield "edgefleet " + " ".join(words), self.command(*words, codes=(0, 24))
        yield "edgefleet status DEVICE", self.command("status", self.device, codes=states)
        yield "edgefleet device show DEVICE", self.command("device", "show", self.device)

    def pages(self):
        """What the first page asks for."""
        try:
            text = self.server.get("/")[1].decode()
        except OSError:
            return []
        return sorted({f"/{path.lstrip('/')}" for path in re.findall(r'(?:src|href)="([^"#:]+\.(?:js|css))"', text)})

    def newest(self):
        try:
            events = self.server.json("/api/events?limit=1")["events"]
            bundles = self.server.json("/api/bundles")["bundles"]
            return (events[0]["id"] if events else 0), (bundles[0]["digest"] if bundles else "0" * 64)
        except (Failure, OSError) as problem:
            self.wrong.append(str(problem)[:300])
            return 0, "0" * 64

    def results(self):
        def spread(values):
            values = sorted(values)
            at = lambda share: round(1000 * values[min(len(values) - 1, int(share * len(values)))], 1)  # noqa: E731
            return {"times": len(values), "p50": at(0.5), "p99": at(0.99), "max": round(1000 * values[-1], 1)}

        return {name: {**spread(took), "bytes": self.bytes[name]} for name, took in self.took.items()}


def machine_seconds():
    """What all of this machine's processors have worked so far."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _wait, interrupts, soft, _stolen = fields
    return (user + nice + system + interrupts + soft) * TICK


def work(server, simulation):
    own = os.times()
    return {
        "server": processor_seconds(server.process.pid), "boxes": processor_seconds(simulation.pid),
        "questions": own.user + own.system + own.children_user + own.children_system, "machine": machine_seconds(),
    }


def simulate(options, folder, boxes, interval, seconds, token):
    command = [
        options.programs / "edgefleet", "simulate", "--count", boxes, "--interval", f"{interval:g}s",
        "--duration", f"{seconds:g}s", "--keep", folder / "boxes", "--json",
    ]
    if token:
        command += ["--token", token]
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def multiply(database, copies):
    """Copies every device so many times less one, with all that is known of it, as if each had reported lately."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA cache_size = -500000")
    step = connection.execute("SELECT max(row) FROM devices").fetchone()[0]
    changed = {
        ("devices", "row"): "row + :copy * :step", ("devices", "id"): "id || '-' || :copy",
        ("certificates", "fingerprint"): "randomblob(32)", ("certificates", "key"): "randomblob(32)",
        ("seen", "seen"): f"seen - abs(random()) % {COPIED_INTERVAL}", ("reports", "interval"): str(COPIED_INTERVAL),
        ("events", "id"): "NULL", ("series", "id"): "NULL", ("fresh_points", "id"): "NULL",
    }
    for table in ("devices", "certificates", "seen", "reports", "endpoints", "events", "usage", "series", "fresh_points"):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        values = [
            changed.get((table, column)) or ("device + :copy * :step" if column == "device" else f'"{column}"')
            for column in columns
        ]
        key = "row" if table == "devices" else "device"
        connection.execute("BEGIN")
        for copy in range(1, copies):
            names = ", ".join(f'"{column}"' for column in columns)
            connection.execute(
                f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {table} WHERE {key} <= :step",
                {"copy": copy, "step": step},
            )
        connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.close()


def measure(part, options, folder):
    plan = PARTS[part]
    minutes = options.minutes or plan["minutes"]
    boxes = max(1, plan["boxes"] // options.divide)
    devices = boxes * plan["copies"]
    server = Server(options.programs / "edgefleet", folder)
    simulation = enrolment = None
    try:
        server.start()
        idle = server.memory()
        token = server.command("token", "create", "--uses", boxes, "--expires", "1d").strip()
        if plan["copies"] > 1:
            # Twelve check-ins: as long as an update takes.
            simulation = simulate(options, folder, boxes, plan["interval"], 12 * plan["interval"], token)
            output, errors = simulation.communicate(timeout=1200)
            if simulation.returncode != 0:
                raise Failure(f"the simulation failed: {output}{errors}")
            enrolment, token = json.loads(output), None
            server.stop()
            multiply(server.data / "fleet.db", plan["copies"])
            server.start()
        simulation = simulate(options, folder, boxes, plan["interval"], minutes * 60, token)

        def enrolled():
            if simulation.poll() is not None:
                raise Failure(f"the simulation ended: {simulation.communicate()}")
            return json.loads(server.command("token", "list", "--json"))["tokens"][0]["usesLeft"] == 0

        support.wait_for("the last enrolment", enrolled, 600, 1)
        looker = Looker(server, f"sim-{min(boxes, 7):05d}")
        begin, before = time.monotonic(), work(server, simulation)
        looker.start()
        samples, after, seconds = [], before, 1
        while simulation.poll() is None:
            samples.append(server.memory())
            seconds, after = time.monotonic() - begin, work(server, simulation)
            try:
                simulation.wait(5)
            except subprocess.TimeoutExpired:
                if seconds > minutes * 60 + 120:
                    raise Failure("the simulation does not come to its end") from None
        looker.ends.set()
        looker.join(60)
        output, errors = simulation.communicate()
        report = json.loads(output)
        overview = server.json("/api/overview")
        audit = time.monotonic()
        server.command("audit", "verify", seconds=600)
        audit = time.monotonic() - audit
        cores = {name: (after[name] - before[name]) / seconds for name in before}
        cores["others"] = max(0.0, cores.pop("machine") - sum(cores.values()))
        return {
            "boxes": boxes, "devices": devices, "interval": plan["interval"], "minutes": minutes, "report": report,
            "enrolment": enrolment or report, "errors": errors[-2000:], "devicesFound": overview["devices"],
            "questions": looker.results(), "wrong": looker.wrong[:20], "wrongCount": len(looker.wrong),
            "memory": {
                "idleRss": idle["Rss"], "idlePss": idle["Pss"],
                "maxRss": max(sample["Rss"] for sample in samples), "maxPss": max(sample["Pss"] for sample in samples),
                "lastRss": samples[-1]["Rss"], "lastPss": samples[-1]["Pss"],
            },
            "nice": os.nice(0), "cores": cores, "databaseMiB": server.database_mib(), "auditVerifySeconds": audit,
        }
    finally:
        if simulation and simulation.poll() is None:
            simulation.kill()
            simulation.wait()
        server.stop()


def run(options):
    prefer("self")
    options.programs = options.programs.resolve()
    if not (options.programs / "edgefleet").exists():
        raise Failure(f"{options.programs}/edgefleet is not there; scripts/build makes it")
    # A part that is not run keeps what it had.
    results = HERE / "results.json"
    parts = json.loads(results.read_text())["parts"] if results.exists() else {}
    for part in options.parts:
        with support.scratch(options) as folder:
            parts[part] = {"date": time.strftime("%Y-%m-%d", time.gmtime()), **measure(part, options, pathlib.Path(folder))}
    return {"machine": support.machine(), "parts": {name: parts[name] for name in PARTS if name in parts}}


def is_good(part):
    slowest = max((question["max"] for question in part["questions"].values()), default=0)
    return (
        slowest < 1000 * BAR_SECONDS and part["wrongCount"] == 0 and part["report"]["checkIns"]["failed"] == 0
        and part["devicesFound"] == part["devices"]
    )


def markdown(found):
    lines = [
        "# The fleet's server: results",
        "",
        "Written by `run.py`; the method is in [../README.md](../README.md).",
        "",
        f"- Machine: {found['machine']}. Server, simulated boxes and whoever asks share it.",
        "",
        "| devices | check-ins/s | minutes | date | acknowledged | failed | p50 ms | p99 ms | max ms | PSS MiB | RSS MiB "
        "| database MiB |",
        "|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for part in found["parts"].values():
        report, memory = part["report"], part["memory"]
        latency, sent = report["latencyMilliseconds"], report["checkIns"]
        lines.append(
            f"| {part['devices']:,} | {sent['acknowledged'] / max(0.001, report['seconds']):.0f} | {part['minutes']:g} "
            f"| {part['date']} | {sent['acknowledged']:,} of {sent['due']:,} | {sent['failed']:,} "
            f"| {latency['p50']:.1f} | {latency['p99']:.1f} | {latency['max']:.0f} | {memory['maxPss']:.0f} "
            f"| {memory['maxRss']:.0f} | {part['databaseMiB']:.0f} |"
        )
    lines += [
        "",
        "Latency is that of a check-in, each with a TLS connection of its own: from its opening to the answer, which comes "
        "when the check-in is on disk. PSS and RSS are the server's highest while it was asked; at its first start it had "
        + " and ".join(f"{part['memory']['idlePss']:.0f} MiB" for part in found["parts"].values()) + " of PSS.",
        "",
        "| devices | server's cores | boxes' cores | cores of those who ask | cores of others |",
        "|---:|---:|---:|---:|---:|",
    ]
    for part in found["parts"].values():
        cores = part["cores"]
        lines.append(
            f"| {part['devices']:,} | {cores['server']:.2f} | {cores['boxes']:.2f} | {cores['questions']:.2f} "
            f"| {cores['others']:.2f} |"
        )
    for part in found["parts"].values():
        if part["nice"] < 0:
            lines += [
                "",
                f"With {part['devices']:,} devices all of it had priority over the machine's other programs (nice "
                f"{part['nice']}), which were busy meanwhile.",
            ]
    for part in found["parts"].values():
        report, enrolment = part["report"], part["enrolment"]
        copied = "" if part["devices"] == part["boxes"] else ", and were then copied in the database"
        slowest = max(question["max"] for question in part["questions"].values())
        verdict = "under" if slowest < 1000 * BAR_SECONDS else "NOT under"
        lines += [
            "",
            f"## {part['devices']:,} devices",
            "",
            f"{enrolment['enrolled']:,} boxes enrolled in {enrolment['enrolmentSeconds']:.0f} s "
            f"({enrolment['enrolled'] / max(0.001, enrolment['enrolmentSeconds']):.0f} a second), each with a key of its "
            f"own{copied}. Each of the {part['boxes']:,} checked in every {part['interval']} s, with {report['events']:,} "
            f"events and {report['metrics']['sent']:,} exports of metrics in all. "
            f"The slowest answer took {slowest:.0f} ms: {verdict} the bar of {1000 * BAR_SECONDS:.0f} ms.",
            "",
            "| question | times | p50 ms | p99 ms | max ms | bytes |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for name, question in part["questions"].items():
            lines.append(
                f"| `{name}` | {question['times']} | {question['p50']:.1f} | {question['p99']:.1f} "
                f"| {question['max']:.1f} | {question['bytes']:,} |"
            )
        lines += [
            "",
            f"`edgefleet audit verify` over the audit of that run took {part['auditVerifySeconds']:.2f} s.",
        ]
        if part["wrongCount"]:
            lines += ["", f"{part['wrongCount']} questions were not answered; the first: {part['wrong'][0]}."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Measure a fleet's server under simulated boxes and questions.")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs to measure")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--minutes", type=float, help="how long check-ins go on (default: 5)")
    parser.add_argument("--divide", type=int, default=1, help="so many times fewer boxes, to try this script")
    parser.add_argument("--work", type=pathlib.Path, help="folder to work in (default: the system's temporary one)")
    options = parser.parse_args()
    try:
        found = run(options)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    if options.divide > 1:
        print(markdown(found))
    else:
        support.write_results(HERE, found, markdown(found))
    return 0 if all(is_good(part) for part in found["parts"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
