#!/usr/bin/env python3
"""kill_client.py TUFCLIENT FOLDER [CALLS]: kills a client at each of its system calls, one run for each, by strace.

CALLS is what strace stops at (default: %file,%desc,%network). Of each command, against a repository in which a root has taken
the timestamp's key away and every role has a new version: what is stored afterwards is, file by file, what was served, old
or new; nothing but whole files has a name that counts; the next run succeeds and ends where an undisturbed one does.
Prints how often each command was killed.
"""

import os
import pathlib
import shutil
import subprocess
import sys

from signed_metadata import Key, body, delegation, document, root, serve, target, write

OLD, NEW = b"old contents\n" * 10_000, b"new contents\n" * 10_000


def repository(folder):
    """What is served, old and new, in one folder and another; both at once is `folder`/served."""
    keys = {role: [Key()] for role in ("root", "timestamp", "snapshot", "targets")}
    team, later = Key(), Key()
    for version, name, content in ((1, "old", OLD), (2, "new", NEW)):
        place = pathlib.Path(folder) / name
        if version == 2:
            shutil.copytree(pathlib.Path(folder) / "old", place)
            old_root = keys["root"]
            keys = {**keys, "root": [Key()], "timestamp": [later]}
            write(place / "metadata/2.root.json", document(root(2, keys), *old_root, *keys["root"]))
            write(place / "metadata/3.root.json", document(root(3, keys), *keys["root"]))
        else:
            write(place / "metadata/1.root.json", document(root(1, keys), *keys["root"]))
        listed = target(content)
        write(place / f"targets/team/{listed['hashes']['sha256']}.file", content)
        files = {
            "team": (body("targets", version, targets={"team/file": listed}), [team]),
            "targets": (
                body(
                    "targets",
                    version,
                    targets={},
                    delegations={"keys": {team.id: team.object}, "roles": [delegation("team", ["team/*"], team)]},
                ),
                keys["targets"],
            ),
            "snapshot": (
                body("snapshot", version, meta={f"{role}.json": {"version": version} for role in ("targets", "team")}),
                keys["snapshot"],
            ),
            "timestamp": (body("timestamp", version, meta={"snapshot.json": {"version": version}}), keys["timestamp"]),
        }
        for role, (signed, signers) in files.items():
            prefix = "" if role == "timestamp" else f"{version}."
            write(place / f"metadata/{prefix}{role}.json", document(signed, *signers))


def tree(folder):
    folder = pathlib.Path(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def whole(files):
    """Those with a name that counts."""
    return {name: content for name, content in files.items() if not os.path.basename(name).startswith(".")}


class Client:
    def __init__(self, program, folder, base):
        self.program, self.folder, self.base = program, folder, base

    def command(self, store, downloads, kind, version="new"):
        url = f"{self.base}/{version}"
        common = [self.program, "--metadata-dir", store]
        if kind == "init":
            return [*common, "init", f"{self.folder}/old/metadata/1.root.json"]
        common += ["--metadata-url", f"{url}/metadata"]
        if kind == "refresh":
            return [*common, "refresh"]
        target = ["--target-name", "team/file", "--target-dir", downloads, "--target-base-url", f"{url}/targets"]
        return [*common, *target, "download"]

    def run(self, *arguments):
        subprocess.run(self.command(*arguments), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def places(command, before, store, calls):
    """Every call that the command makes: its name, and the how many-eth of that name it is."""
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(before, store)
    log = f"{store}.log"
    subprocess.run(["strace", "-f", "-qq", "-o", log, "-e", f"trace={calls}", *command], check=True, stdout=-3)
    counts = {}
    for line in pathlib.Path(log).read_text(errors="replace").splitlines():
        name = line.split(maxsplit=1)[1].split("(")[0]
        if name.isidentifier():
            counts[name] = counts.get(name, 0) + 1
    return [(name, number) for name, count in counts.items() for number in range(1, count + 1)]


def kills(client, kind, calls, served):
    """Kills `kind` at every call; how often, and how many temporary files were left."""
    folder = client.folder
    before, undisturbed, store = (f"{folder}/{name}" for name in ("before", "undisturbed", "store"))
    for place in (before, undisturbed):
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(f"{place}/downloads")
        if kind != "init":
            client.run(f"{place}/metadata", f"{place}/downloads", "init")
            client.run(f"{place}/metadata", f"{place}/downloads", "download", "old")
    client.run(f"{undisturbed}/metadata", f"{undisturbed}/downloads", kind)
    if kind == "init":
        client.run(f"{undisturbed}/metadata", f"{undisturbed}/downloads", "download")
    expected = tree(undisturbed)
    killed = left_over = 0
    for name, number in places(client.command(f"{store}/metadata", f"{store}/downloads", kind), before, store, calls):
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(before, store)
        at = f"{kind}, {name} {number}"
        trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}"]
        trace += ["-e", f"inject={name}:signal=KILL:when={number}"]
        command = client.command(f"{store}/metadata", f"{store}/downloads", kind)
        status = subprocess.run(trace + command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        now = tree(store)
        left_over += len(now) - len(whole(now))
        for path, content in whole(now).items():
            assert content in served, f"{at}: {path} was never served"
            assert not path.endswith((".tmp", "~")), f"{at}: {path}"
        lost = set(whole(tree(before))) - set(now)
        may_be_lost = {"metadata/timestamp.json", "metadata/snapshot.json"}
        assert lost <= may_be_lost, f"{at}: {lost} is gone"
        again = "refresh" if kind == "refresh" else "download"
        if kind == "init":
            client.run(f"{store}/metadata", f"{store}/downloads", "init")
        client.run(f"{store}/metadata", f"{store}/downloads", again)
        assert whole(tree(store)) == expected, f"{at}: it ends elsewhere"
        # The number of some calls depends on what the network brings at once.
        killed += status in (-9, 137)
        assert status in (0, -9, 137), f"{at}: {status}"
    return killed, left_over


def main(program, folder, calls="%file,%desc,%network"):
    repository(folder)
    client = Client(program, folder, serve(folder))
    served = set(tree(f"{folder}/old").values()) | set(tree(f"{folder}/new").values())
    for kind in ("init", "refresh", "download"):
        count, left_over = kills(client, kind, calls, served)
        print(f"{kind}\t{count}\t{left_over}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
