#!/usr/bin/env python3
"""heavy_metadata.py [--quick] TUFCLIENT FOLDER: has a client read validly signed metadata of the worst shapes there are.

Prints a line for each: its name, the exit code, the most memory in KiB, and the CPU time in seconds. Whoever holds the keys
of a repository must not be able to take a box's memory. --quick: the shapes that took most when all were measured, and
four roles instead of 32, from the network alone, for builds that aren't optimised.
"""

import os
import pathlib
import shutil
import subprocess
import sys

from signed_metadata import Key, body, canonical, delegation, document, root, serve, target, write

MOST = 5_000_000  # what a client reads of one role
KEY = Key()
QUICK = "--quick" in sys.argv


def digits(number, width=0):
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
        if not number:
            return text.rjust(width, "0")


def targets(**fields):
    return body("targets", **{"targets": {}, **fields})


def role(name="a", **fields):
    return {**delegation(name, ["*"]), **fields}


def delegations(*roles, keys=None):
    return {"keys": keys or {}, "roles": list(roles)}


class Repository:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.put("1.root.json", document(self.root(1), KEY))

    def root(self, version, **fields):
        return root(version, {name: [KEY] for name in ("root", "timestamp", "snapshot", "targets")}, **fields)

    def put(self, name, content):
        write(self.folder / "metadata" / name, content)

    def online(self, listed=(), snapshot=None, timestamp=None, **entry):
        meta = {f"{name}.json": {"version": 1, **entry} for name in ("targets", *listed)}
        self.put("1.snapshot.json", snapshot or document(body("snapshot", meta=meta), KEY))
        self.put("timestamp.json", timestamp or document(body("timestamp", meta={"snapshot.json": {"version": 1}}), KEY))


def signed(value, text=None, others=()):
    """`value` is a function, as are `text` and `others`: each shape is made when its turn comes."""

    def make(folder):
        repository = Repository(folder)
        content = document(value and value(), KEY, text=text and text(), others=others and others())
        assert len(content) <= MOST, len(content)
        repository.put("1.targets.json", content)
        repository.online()

    return make


def many(others):
    """As many roles as a search visits, each as large as it may be."""

    def make(folder):
        repository = Repository(folder)
        names = ["targets"] + [f"role{i}" for i in range(3 if QUICK else 31)]
        for index, name in enumerate(names):
            below = others(names, index)
            value = targets(targets=MANY, delegations=delegations(*below, keys={KEY.id: KEY.object}))
            repository.put(f"1.{name}.json", document(value, KEY))
        repository.online(names[1:])

    return make


def fifty(kind):
    """50 MB, signed and listed with this length."""

    def make(folder):
        repository = Repository(folder)
        fields = {
            "targets": {"targets": {}},
            "snapshot": {"meta": {"targets.json": {"version": 1}}},
            "timestamp": {"meta": {"snapshot.json": {"version": 1}}},
        }
        value = repository.root(2) if kind == "root" else body(kind, **fields[kind])
        text = canonical({**value, "x": "#"}).replace(b'"#"', b'"' + b"a" * 50_000_000 + b'"')
        content = document(None, KEY, text=text)
        repository.put("1.targets.json", document(targets(), KEY))
        if kind == "snapshot" or kind == "timestamp":
            repository.online(**{kind: content})
        else:
            repository.put({"targets": "1.targets.json", "root": "2.root.json"}[kind], content)
            repository.online(length=len(content))

    return make


MANY = {digits(i): {"hashes": {}, "length": 1} for i in range(150_000)}
DIGEST = {"sha256": "0123456789abcdef" * 4}
HEAVIEST = [
    "nothing unusual",
    "one target with a great many digests",
    "a list for a version",
    "many patterns",
    "roles below each other",
    "a root of 50 MB",
    "targets of 50 MB",
]
shapes = {
    "nothing unusual": signed(lambda: targets(targets={"nothing": target(b"")})),
    "as many targets as there may be": signed(lambda: targets(targets=MANY)),
    "targets of a registry": signed(
        lambda: targets(
            targets={f"bundles/m{i}/1.0.{i}/linux.json": {"hashes": DIGEST, "length": 1000} for i in range(35_000)}
        )
    ),
    "one target with a great many digests": signed(
        lambda: targets(targets={"nothing": {"length": 1, "hashes": {digits(i): "" for i in range(450_000)}}})
    ),
    "one target with much of its own": signed(
        lambda: targets(targets={"nothing": {"length": 1, "hashes": DIGEST, "custom": {"x": [{"a": 1}] * 240_000}}})
    ),
    "small values": signed(lambda: targets(x=[1] * 490_000)),
    "short texts": signed(lambda: targets(x=["abcdefghijklmnop"] * 250_000)),
    "one text": signed(lambda: targets(x="a" * 4_990_000)),
    "one number": signed(None, text=lambda: canonical(targets())[:-1] + b',"x":' + b"1" * 4_990_000 + b"}"),
    "members": signed(lambda: targets(x={digits(i, 8): 1 for i in range(350_000)})),
    "deep": signed(lambda: targets(x=[eval("[" * 55 + "]" * 55)] * 8_000)),
    "a list for a version": signed(lambda: targets(version=[{"a": 1}] * 240_000)),
    "many signatures": signed(lambda: targets(), others=lambda: [{"keyid": digits(i), "sig": "00"} for i in range(150_000)]),
    "one signature": signed(lambda: targets(), others=lambda: [{"keyid": "x", "sig": "00" * 2_490_000}]),
    "many roles": signed(lambda: targets(delegations=delegations(*[role(digits(i)) for i in range(60_000)]))),
    "many patterns": signed(lambda: targets(delegations=delegations(role(paths=["*a*0123456789abcdef"] * 220_000)))),
    "many keys": signed(
        lambda: targets(
            delegations=delegations(
                keys={digits(i): {"keytype": "", "keyval": {}, "scheme": "", "x": "a" * 400} for i in range(9_999)}
            )
        )
    ),
    "roles beside each other": many(
        lambda names, index: [delegation(name, ["*"], KEY) for name in names[1:]] if index == 0 else []
    ),
    "roles below each other": many(
        lambda names, index: [delegation(name, ["*"], KEY) for name in names[index + 1 : index + 2]]
    ),
    "a root of 50 MB": fifty("root"),
    "a timestamp of 50 MB": fifty("timestamp"),
    "a snapshot of 50 MB": fifty("snapshot"),
    "targets of 50 MB": fifty("targets"),
}


def measure(program, *arguments):
    """Exit code, KiB, CPU seconds, and what it said. A small process measures, as a child begins with its parent's size."""
    script = (
        "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:]).returncode;"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN); print(r, u.ru_maxrss, u.ru_utime + u.ru_stime)"
    )
    command = [sys.executable, "-S", "-c", script, program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    code, memory, seconds = result.stdout.splitlines()[-1].split()
    return int(code), int(memory), float(seconds), result.stderr.strip()


def main(program, folder):
    base = serve(folder)
    for number, (name, make) in enumerate(shapes.items()):
        if QUICK and name not in HEAVIEST:
            continue
        place = f"{folder}/{number}"
        make(place)
        store = f"{place}/store"
        subprocess.run([program, "--metadata-dir", store, "init", f"{place}/metadata/1.root.json"], check=True)
        os.makedirs(f"{place}/downloads")
        url = f"{base}/{number}"
        arguments = ["--metadata-dir", store, "--metadata-url", f"{url}/metadata", "--target-name", "nothing"]
        arguments += ["--target-dir", f"{place}/downloads", "--target-base-url", f"{url}/targets", "download"]
        # First from the network, then from what is stored.
        for _ in range(1 if QUICK else 2):
            code, memory, seconds, words = measure(program, *arguments)
            print(f"{name}\t{code}\t{memory}\t{seconds:.2f}\t{words[:200]}", flush=True)
        shutil.rmtree(place)


if __name__ == "__main__":
    main(*[argument for argument in sys.argv[1:] if argument != "--quick"])
