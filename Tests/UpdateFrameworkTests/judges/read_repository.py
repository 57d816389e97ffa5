"""Refresh from a repository in folders with python-tuf's client, and download targets.

    read_repository.py METADATADIR TARGETSDIR CLIENTDIR TARGET...

CLIENTDIR keeps the client's metadata between calls; the first one trusts METADATADIR/1.root.json. Exit code 3 where the
repository lists no such target.
"""

import os
import sys
import urllib.parse

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater


class FolderFetcher(FetcherInterface):
    """Reads `folder:///path` as a web server would: what a URL encodes is decoded once."""

    def _fetch(self, url):
        # python-tuf puts a target's path into the URL as it is, and a role's name encoded.
        path = url.removeprefix("folder://")
        for candidate in (path, urllib.parse.unquote(path)):
            if os.path.isfile(candidate):
                with open(candidate, "rb") as file:
                    return iter([file.read()])
        raise DownloadHTTPError(f"no {path}", 404)


def main():
    metadata, targets, client, *names = sys.argv[1:]
    downloads = os.path.join(client, "targets")
    os.makedirs(downloads, exist_ok=True)
    bootstrap = None
    if not os.path.exists(os.path.join(client, "root.json")):
        with open(os.path.join(metadata, "1.root.json"), "rb") as file:
            bootstrap = file.read()
    updater = Updater(
        metadata_dir=client,
        metadata_base_url=f"folder://{metadata}/",
        target_dir=downloads,
        target_base_url=f"folder://{targets}/",
        fetcher=FolderFetcher(),
        bootstrap=bootstrap,
    )
    updater.refresh()
    for name in names:
        info = updater.get_targetinfo(name)
        if info is None:
            return 3
        path = updater.download_target(info)
        print(f"{name}: {os.path.getsize(path)} bytes, {len(info.custom or {})} custom members")
    return 0


if __name__ == "__main__":
    sys.exit(main())
