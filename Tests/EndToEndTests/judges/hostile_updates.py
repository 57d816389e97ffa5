"""Update with python-tuf's client from every repository that hostile_repositories.py wrote and hostile_server.py serves.

    hostile_updates.py FOLDER PORT

Prints a JSON object: the name of each folder, and "accepted" or the name of the error that it was refused with.
"""

import json
import os
import shutil
import sys
import tempfile

from tuf.ngclient import Updater

# python-tuf's transport sleeps for as long as the server says.
NOT_ASKED = {"server-that-is-busy-for-an-hour"}


def update(folder, url, target, bootstrap=None):
    downloads = os.path.join(folder, "downloads")
    os.makedirs(downloads, exist_ok=True)
    updater = Updater(
        metadata_dir=folder,
        metadata_base_url=f"{url}/metadata/",
        target_dir=downloads,
        target_base_url=f"{url}/targets/",
        bootstrap=bootstrap,
    )
    updater.refresh()
    info = updater.get_targetinfo(target)
    if info is None:
        return "not found"
    updater.download_target(info)
    return "accepted"


def main():
    folder, port = sys.argv[1:]
    verdicts = {}
    with tempfile.TemporaryDirectory() as scratch:
        trusted = os.path.join(scratch, "trusted")
        os.makedirs(trusted)
        with open(os.path.join(folder, "trusted-root.json"), "rb") as file:
            bootstrap = file.read()
        for name in ["before", *sorted(os.listdir(folder))]:
            path = os.path.join(folder, name, "fixture.json")
            if not os.path.exists(path) or name in verdicts or name in NOT_ASKED:
                continue
            with open(path, encoding="utf-8") as file:
                target = json.load(file)["target"]
            client = trusted if name == "before" else os.path.join(scratch, "client")
            if name != "before":
                shutil.copytree(trusted, client, symlinks=True)
            try:
                verdicts[name] = update(client, f"http://127.0.0.1:{port}/{name}", target, bootstrap)
            except Exception as error:  # any error is a refusal; which one is told
                verdicts[name] = type(error).__name__
            bootstrap = None
            if name != "before":
                shutil.rmtree(client)
    json.dump(verdicts, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
