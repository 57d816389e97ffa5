"""Sign metadata of a repository as somebody would who must not, or who holds a key that he may use.

forge.py REPOSITORY KEYS ROLE [--signature wrong|missing|SIGNER] [--expires TIME] [--target PATH FILE]

Writes the next version of ROLE, and snapshot and timestamp that go with it: what is wrong with ROLE is then all that is
wrong. Without --signature ROLE is signed with its own key.
"""

import argparse
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.formats import encode_canonical

parser = argparse.ArgumentParser()
parser.add_argument("repository", type=pathlib.Path)
parser.add_argument("keys", type=pathlib.Path)
parser.add_argument("role")
parser.add_argument("--signature")
parser.add_argument("--expires")
parser.add_argument("--target", nargs=2, metavar=("PATH", "FILE"))
arguments = parser.parse_args()
metadata = arguments.repository / "metadata"


def newest(role):
    if role == "timestamp":
        return metadata / "timestamp.json"
    return max(metadata.glob(f"*.{role}.json"), key=lambda path: int(path.name.split(".")[0]))


def sign(document, signer):
    key = serialization.load_pem_private_key((arguments.keys / f"{signer}.pem").read_bytes(), None)
    signature = key.sign(encode_canonical(document["signed"]).encode(), ec.ECDSA(hashes.SHA256()))
    # The key id stays: it is what a verifier looks the true key up by.
    document["signatures"][0]["sig"] = signature.hex()


def facts(data):
    return {"length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}


def change(role):
    document = json.loads(newest(role).read_bytes())
    signed = document["signed"]
    signed["version"] += 1
    mine = role == arguments.role
    if mine and arguments.expires:
        signed["expires"] = arguments.expires
        if role == "timestamp":
            signed["x-edge-signed-at"] = "2026-01-01T00:00:00Z"
    if mine and arguments.target:
        target, file = arguments.target
        data = pathlib.Path(file).read_bytes()
        entry = facts(data)
        signed["targets"][target] = entry
        place = arguments.repository / "targets" / target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_name(f"{entry['hashes']['sha256']}.{place.name}").write_bytes(data)
    if not mine:
        below = newest("snapshot" if role == "timestamp" else arguments.role)
        meta = signed["meta"][f"{below.name.split('.')[1]}.json"]
        meta.update(facts(below.read_bytes()), version=int(below.name.split(".")[0]))
    how = arguments.signature if mine else None
    if how == "missing":
        document["signatures"] = []
    elif how == "wrong":
        # The bytes that are signed are others than those that were.
        sign(document, role)
        signed["x-forged"] = True
    else:
        sign(document, how or role)
    place = metadata / ("timestamp.json" if role == "timestamp" else f"{signed['version']}.{role}.json")
    place.write_bytes(json.dumps(document, separators=(",", ":")).encode())


roles = [arguments.role]
if arguments.role not in ("timestamp", "root"):
    roles += ["timestamp"] if arguments.role == "snapshot" else ["snapshot", "timestamp"]
for role in roles:
    change(role)
