"""Refresh from a repository with python-tuf's client, and download everything that any of its roles lists.

    ngclient.py CLIENTDIR URL ROOT

CLIENTDIR keeps the client's metadata and downloads between calls; the first one trusts ROOT. Prints a JSON object: the
`versions` of roles that are trusted now, the `targets` that were downloaded by path, each with the SHA-256 of its file,
and the targets that are listed and `hidden` by roles before theirs.
"""

import hashlib
import json
import os
import sys
import urllib.parse
import urllib.request

from tuf.ngclient import Updater


def fetch(url):
    with urllib.request.urlopen(url) as response:
        return response.read()


def main():
    client, url, root = sys.argv[1:]
    downloads = os.path.join(client, "downloads")
    os.makedirs(downloads, exist_ok=True)
    bootstrap = None
    if not os.path.exists(os.path.join(client, "root.json")):
        with open(root, "rb") as file:
            bootstrap = file.read()
    updater = Updater(
        metadata_dir=client,
        metadata_base_url=f"{url}/metadata/",
        target_dir=downloads,
        target_base_url=f"{url}/targets/",
        bootstrap=bootstrap,
    )
    updater.refresh()
    versions = {}
    for role in ("root", "timestamp", "snapshot"):
        with open(os.path.join(client, f"{role}.json"), "rb") as file:
            signed = json.load(file)["signed"]
        versions[role] = signed["version"]
    paths = set()
    for name, listed in signed["meta"].items():
        versions[name.removesuffix(".json")] = listed["version"]
        file_name = urllib.parse.quote(f"{listed['version']}.{name}", "")
        paths.update(json.loads(fetch(f"{url}/metadata/{file_name}"))["signed"]["targets"])
    targets, hidden = {}, []
    for path in sorted(paths):
        info = updater.get_targetinfo(path)
        if info is None:
            hidden.append(path)
            continue
        with open(updater.download_target(info), "rb") as file:
            targets[path] = hashlib.sha256(file.read()).hexdigest()
    json.dump({"versions": versions, "targets": targets, "hidden": hidden}, sys.stdout)


if __name__ == "__main__":
    main()
