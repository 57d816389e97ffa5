"""Measure what moves to a box when one line of a scoring script changes.

    run.py --programs DIR

Publishes examples/digits-script, lets a store take it over HTTP, changes one line of score.py, publishes that as the
next version, deploys it and lets the same store fetch again. Writes RESULTS.md and results.json beside this file;
README.md one folder up tells the method. Everything happens on loopback and in a temporary folder; packages that the
example pins come from uv's cache, or once from the network.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import box as support  # noqa: E402
from box import Failure  # noqa: E402
from ranges import Server  # noqa: E402

PROJECT = support.ROOT / "examples/digits-script"
BAR_BYTES = 6000
LINE = "options.intra_op_num_threads = 1 "
CHANGED = "options.intra_op_num_threads = 2 "


class Store:
    """A box's store, worked on by hand as the agent's helper does it."""

    def __init__(self, programs, folder, url, root):
        self.programs, self.path = programs, folder / "box"
        self.sync(
            "configure", "--from", url, "--root", root, "--channel", support.CHANNEL,
            "--endpoint", f"{support.ENDPOINT}=127.0.0.1:1",
        )

    def sync(self, command, *arguments):
        printed = support.run(self.programs.sync, command, "--store", self.path, *arguments)
        outcome = json.loads(printed.splitlines()[-1]) if printed.strip() else {"outcome": "done"}
        if outcome["outcome"] != "done":
            raise Failure(f"edgeagent-sync {command}: {outcome}")
        return outcome

    def take(self, server, digest):
        """Metadata, then the bundle; what each moved, by the helper's and by the server's account."""
        server.take()
        metadata = self.sync("fetch")
        sent_metadata = server.take()
        self.sync("admit")
        bundle = self.sync("fetch", "--bundle", digest)
        sent_bundle = server.take()
        self.sync("admit", "--bundle", digest)
        return {"metadata": metadata, "bundle": bundle, "sent": {"metadata": sent_metadata, "bundle": sent_bundle}}


def digest_of(programs, bundle):
    return json.loads(programs.pack("inspect", bundle, "--json"))["digest"]


def manifest_bytes(bundle):
    """The MANIFEST moves as a signed target of the repository, together with TUF metadata."""
    packed = subprocess.run(["tar", "--zstd", "-xOf", bundle, "MANIFEST.json"], check=True, capture_output=True)
    return len(packed.stdout)


def changed_project(folder):
    project = folder / "changed"
    shutil.copytree(PROJECT, project)
    script = project / "src/score.py"
    text = script.read_text()
    if text.count(LINE) != 1:
        raise Failure(f"{script} has no line {LINE!r} to change")
    script.write_text(text.replace(LINE, CHANGED))
    return project


def rsync(folder, old, new):
    """What rsync moves for the same archives, as a peer that knows nothing of their format; None without rsync."""
    if not shutil.which("rsync"):
        return None
    target = folder / "rsync.target"
    shutil.copyfile(old, target)
    # Between local paths rsync would else copy everything.
    printed = support.run("rsync", "--no-whole-file", "--inplace", "--checksum", "--stats", new, target)
    numbers = {
        name.strip(): int(value.split()[0].replace(",", ""))
        for name, _, value in (line.partition(":") for line in printed.splitlines())
        if name.startswith("Total bytes")
    }
    return sum(numbers.values())


def run(options):
    programs = support.Programs(options.programs)
    support.environment_for_uv()
    with support.scratch(options) as name:
        folder = pathlib.Path(name)
        repository = support.Repository(programs, folder)
        old = repository.add(PROJECT, 1)
        repository.deploy(1)
        with Server(repository.path) as server:
            store = Store(programs, folder, server.url, repository.path / "metadata/1.root.json")
            first = store.take(server, digest_of(programs, old))
            new = repository.add(changed_project(folder), 2)
            repository.deploy(2)
            update = store.take(server, digest_of(programs, new))
            idle_before = server.take()
            idle = store.sync("fetch")
            idle_sent = server.take()
        return {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "machine": support.machine(),
            "archive_bytes": new.stat().st_size,
            "manifest_bytes": manifest_bytes(new),
            "first": first,
            "update": update,
            "poll": {"fetch": idle, "sent": idle_sent},
            "rsync_bytes": rsync(folder, old, new),
        }


def markdown(found):
    update, bundle = found["update"], found["update"]["bundle"]
    parts = {
        "MANIFEST, as a signed target": found["manifest_bytes"] + bundle["manifestBytes"],
        "index": bundle["indexBytes"],
        "tables": bundle["tableBytes"],
        "data": bundle["dataBytes"],
    }
    total = sum(parts.values())
    archive = found["archive_bytes"]
    sent = update["sent"]
    lines = [
        "# On the wire: results",
        "",
        f"Written by `run.py` on {found['date']}; the method is in [../README.md](../README.md).",
        "",
        "One changed line in score.py of `examples/digits-script`, and the next version number.",
        "",
        "| part | bytes |",
        "|---|---|",
        *(f"| {name} | {size:,} |" for name, size in parts.items()),
        f"| **sum** | **{total:,}** |",
        "",
        f"To be reached: at most {BAR_BYTES:,} bytes. " + ("Reached." if total <= BAR_BYTES else "**Missed.**"),
        f"The whole archive has {archive:,} bytes, {archive / total:,.0f} times as many.",
    ]
    if found["rsync_bytes"]:
        lines.append(f"rsync, which knows nothing of the format, moves {found['rsync_bytes']:,} bytes between them.")
    lines += [
        "",
        "Beside it, by the server's own account (what it sent; headers are those of answers):",
        "",
        "| step | requests | bytes of bodies | bytes of headers |",
        "|---|---|---|---|",
    ]
    rows = {
        "update: TUF metadata and documents (the MANIFEST is one)": sent["metadata"],
        "update: the bundle": sent["bundle"],
        "a poll that finds nothing new": found["poll"]["sent"],
        "first: TUF metadata and documents": found["first"]["sent"]["metadata"],
        "first: the bundle": found["first"]["sent"]["bundle"],
    }
    lines += [
        f"| {name} | {row['requests']:,} | {row['bodies']:,} | {row['headers']:,} |" for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Measure what moves to a box when one line of a script changes.")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs to measure")
    parser.add_argument("--work", type=pathlib.Path, help="folder to work in (default: the system's temporary one)")
    options = parser.parse_args()
    try:
        found = run(options)
    except (Failure, subprocess.TimeoutExpired) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    support.write_results(HERE, found, markdown(found))
    bundle = found["update"]["bundle"]
    # Everything that moved must be in the sum.
    counted = sum(bundle[name] for name in ("manifestBytes", "indexBytes", "tableBytes", "dataBytes"))
    sent = found["update"]["sent"]["bundle"]["bodies"]
    if sent != counted:
        print(f"error: the server sent {sent} bytes, {counted} are accounted for", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
