"""Signed TUF metadata, of any size and shape, for scripts beside this one. Shares no code with what it tests."""

import functools
import hashlib
import http.server
import json
import pathlib
import threading

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

EXPIRES = "2036-01-01T00:00:00Z"


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Key:
    def __init__(self):
        self.private = Ed25519PrivateKey.generate()
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.object = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public.hex()}}
        self.id = hashlib.sha256(canonical(self.object)).hexdigest()


def document(body, *keys, text=None, others=()):
    """A file; `text` is the canonical form of the body, where it isn't to be made from it."""
    text = text or canonical(body)
    signatures = [{"keyid": key.id, "sig": key.private.sign(text).hex()} for key in keys]
    return b'{"signatures":' + canonical(signatures + list(others)) + b',"signed":' + text + b"}"


def body(kind, version=1, **fields):
    return {"_type": kind, "spec_version": "1.0.34", "version": version, "expires": EXPIRES, **fields}


def root(version, roles, **fields):
    """`roles`: the keys of each of the four."""
    return body(
        "root",
        version,
        consistent_snapshot=True,
        keys={key.id: key.object for keys in roles.values() for key in keys},
        roles={role: {"keyids": [key.id for key in keys], "threshold": 1} for role, keys in roles.items()},
        **fields,
    )


def delegation(name, paths, *keys):
    return {
        "name": name,
        "keyids": [key.id for key in keys],
        "threshold": 1,
        "paths": paths,
        "terminating": False,
    }


def target(content):
    return {"length": len(content), "hashes": {"sha256": hashlib.sha256(content).hexdigest()}}


def write(path, content):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle(self):
        # Whoever was killed, or has read enough, hangs up.
        try:
            super().handle()
        except OSError:
            pass


def serve(folder):
    """The base URL of a folder."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
