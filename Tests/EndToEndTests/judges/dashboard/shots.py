"""Pictures of every page, for looking at: shots.py FOLDER [ADDRESS]. Without an address, of a made-up fleet."""

import pathlib
import sys
import time

import mock
from browser import Browser


def main(folder, address=None):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    fleets = {"fleet": mock.Fleet(1000, True), "small": mock.Fleet(12, False), "empty": mock.Fleet(0)}
    servers = {name: mock.serve(fleet) for name, fleet in fleets.items()}
    at = {name: f"http://127.0.0.1:{server.server_port}/" for name, server in servers.items()}
    digits = mock.digest("digits@4")
    pages = [
        ("overview", at["fleet"] + "#/"), ("devices", at["fleet"] + "#/devices"), ("device", at["fleet"] + "#/devices/cam-0000"),
        ("bundles", at["fleet"] + "#/bundles"), ("bundle", at["small"] + f"#/bundles/{digits}"), ("events", at["fleet"] + "#/events"),
        ("small", at["small"] + "#/"), ("empty", at["empty"] + "#/"), ("awkward", at["fleet"] + "#/devices/awkward%3A" + "Z" * 56),
    ]
    if address:
        pages = [("overview", address + "#/"), ("devices", address + "#/devices"), ("bundles", address + "#/bundles"), ("events", address + "#/events")]
    only = [name.removesuffix("!") for name in sys.argv[3:]]
    cut = any(name.endswith("!") for name in sys.argv[3:])
    with Browser() as browser:
        for look, options in (("light", {}), ("dark", {"dark": True}), ("phone", {"width": 360, "height": 740, "phone": True, "dark": False})):
            for name, url in pages:
                if only and f"{name}-{look}" not in only:
                    continue
                page = browser.page(**options)
                page.open(url)
                page.wait("document.querySelector('#main .page h1, #main .hero h1')")
                if name == "device":
                    page.wait("document.querySelector('.plot')")
                    page.run("document.querySelectorAll('.log')[0].open = true")
                time.sleep(0.5)
                page.shot(folder / f"{name}-{look}.png", whole=not cut)
                print(name, look, page.complaints())
                page.close()
        if not address and (not only or "offline-light" in only):
            page = browser.page()
            page.open(at["small"])
            page.wait("document.querySelector('.answers')")
            fleets["small"].fault = "offline"
            page.wait("document.querySelector('.notice.no')")
            page.shot(folder / "offline-light.png")
            fleets["small"].fault = None
            page.run("document.querySelector('.help').click()")
            page.shot(folder / "keys-light.png", whole=False)


if __name__ == "__main__":
    main(*sys.argv[1:2], *[a for a in sys.argv[2:3] if a])
