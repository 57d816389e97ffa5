#!/usr/bin/env python3
"""Write the inputs that fuzzing starts from into a folder, one folder a harness.

    seeds.py FOLDER

Needs the openssl program (3.x), python-tuf and securesystemslib, which scripts/setup --tests installs. Keys are new each
time; what is kept in the repository is what scripts/fuzz --minimize has left of it.
"""

import base64
import json
import pathlib
import re
import subprocess
import sys
from datetime import datetime, timezone

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "CryptoTests" / "Fixtures"
OUT = pathlib.Path(sys.argv[1])
EXPIRES = datetime(2027, 1, 1, tzinfo=timezone.utc)


def write(harness, name, content):
    folder = OUT / harness
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, **options).stdout


def der(pem):
    """The content of every block of a PEM text."""
    blocks = re.findall(rb"-----BEGIN [^-]+-----\n(?:[^\n]*: [^\n]*\n)*(.*?)-----END", pem, re.DOTALL)
    return [base64.b64decode(block, validate=False) for block in blocks]


def json_documents():
    write("json", "object", '{"a":[1,-2.5e3,null,true,false],"b":{"c":"x\\u00e9\\n\\ud83d\\ude00"},"":0}')
    write("json", "canonical", '{"a":[],"b":{},"c":[1,1.5,1e+21,"\\u0001",null],"é":"€"}')
    write("json", "numbers", "[0,-0,1e400,-1E-400,9007199254740993,9223372036854775808,0.1,5e-324,1.7976931348623157e308]")
    write("json", "deep", "[" * 64 + "]" * 64)
    write("json", "deep-objects", '{"a":' * 10 + "1" + "}" * 10)
    write("json", "twice", '{"a":1,"\\u0061":2}')
    write("json", "spellings", '{"\\u00e9":1,"e\\u0301":2,"\u00e9 ":3}')
    write("json", "spaces", ' [ 1 , { "a" : [ ] } ]\r\n')
    write("json", "bad-text", b'["\xff","\xc0\x80","\xed\xa0\x80"]')


def path_patterns():
    for number, (pattern, path) in enumerate(
        [
            ("*", "a"), ("*/*", "a/b"), ("a*b*c", "aXbYbZc"), ("?" * 5 + "/*.json", "abcde/x.json"), ("[ab]/*", "[ab]/c"),
            ("deployments/prod/*.json", "deployments/prod/a.json"), ("*a*a*a*a*b", "a" * 40), ("é*", "e\u0301x"),
            ("**/x", "/x"), ("a//b", "a//b"), ("../*", "../x"),
        ]
    ):
        write("path-patterns", f"{number:02}", f"{pattern}\n{path}")


def keys():
    for path in sorted(FIXTURES.iterdir()):
        if path.suffix not in (".pem", ".pub"):
            continue
        text = path.read_bytes()
        write("keys", path.name, text)
        try:
            for block in der(text):
                write("keys", f"{path.name}.der", block)
        except ValueError:
            pass  # one fixture's base64 is broken on purpose
    for scheme in ("hmacWithSHA256", "hmacWithSHA1"):
        text = openssl(
            "pkcs8", "-topk8", "-in", str(FIXTURES / "p256.pem"), "-v2", "aes-256-cbc", "-v2prf", scheme, "-iter", "2048",
            "-passout", "pass:passphrase",
        )
        write("keys", f"encrypted-{scheme}.der", der(text)[0])
    write("keys", "encrypted-scrypt.der", der(openssl(
        "pkcs8", "-topk8", "-in", str(FIXTURES / "ed25519.pem"), "-scrypt", "-scrypt_N", "1024", "-passout",
        "pass:passphrase",
    ))[0])
    for name, signer in signers().items():
        write("keys", f"{name}.json", json.dumps(signer.public_key.to_dict(), separators=(",", ":")))
        if name == "ed25519":
            write("keys", "ed25519.bytes", bytes.fromhex(signer.public_key.keyval["public"]))


def certificates():
    for path in sorted(FIXTURES.glob("*.crt")):
        write("certificates", path.name, path.read_bytes())
        write("certificates", f"{path.name}.der", der(path.read_bytes())[0])
    chain = b"".join((FIXTURES / f"{name}.crt").read_bytes() for name in ("leaf", "intermediate", "root"))
    write("certificates", "chain.pem", chain)
    made = [
        "req", "-new", "-key", str(FIXTURES / "p256.pem"), "-subj", "/CN=box-1",
        "-addext", "subjectAltName=URI:urn:edge:device:box-1,DNS:example.org,IP:127.0.0.1",
        "-addext", "extendedKeyUsage=clientAuth", "-addext", "keyUsage=digitalSignature",
    ]
    for name, more in [("request", []), ("device", ["-x509", "-days", "30"])]:
        text = openssl(*made, *more)
        write("certificates", f"{name}.pem", text)
        write("certificates", f"{name}.der", der(text)[0])


def signers():
    return {
        "ed25519": CryptoSigner.generate_ed25519(), "ecdsa": CryptoSigner.generate_ecdsa(),
        "rsa": CryptoSigner.generate_rsa(),
    }


def metadata():
    made = list(signers().values())
    root = Root(expires=EXPIRES, unrecognized_fields={"x-team": {"a": [1]}})
    for role in ("root", "timestamp", "snapshot", "targets"):
        for signer in made[:2]:
            root.add_key(signer.public_key, role)
    root.roles["root"].threshold = 2
    targets = Targets(expires=EXPIRES)
    for name in ("a.txt", "team/b.txt"):
        targets.targets[name] = TargetFile.from_data(name, name.encode(), ["sha256", "sha512"])
        targets.targets[name].unrecognized_fields["custom"] = {"edge": {"kind": "bundle"}}
    targets.delegations = Delegations({}, {
        "team": DelegatedRole("team", [], 1, False, ["team/*", "team/*/?.json"]),
        "bins": DelegatedRole("bins", [], 1, True, None, ["00", "1f"]),
    })
    for signer in made:
        targets.add_key(signer.public_key, "team")
    targets.add_key(made[0].public_key, "bins")
    meta = {"targets.json": MetaFile(3, 120, {"sha256": "0" * 64}), "team.json": MetaFile(1)}
    timestamp = Timestamp(expires=EXPIRES, snapshot_meta=MetaFile(7, 100, {"sha256": "0" * 64}))
    timestamp.unrecognized_fields = {"x-edge-signed-at": "2026-11-20T12:00:00Z", "x-edge-poll-seconds": 60}
    for signed in (root, targets, Snapshot(expires=EXPIRES, meta=meta), timestamp):
        document = Metadata(signed)
        for signer in made[:2]:
            document.sign(signer, append=True)
        write("metadata", signed.type, document.to_bytes())
        write("metadata", f"{signed.type}-compact", json.dumps(document.to_dict(), separators=(",", ":")))


# MARK: update: see RepositoryScript.swift


def role(keys, threshold=1):
    return {"keyids": [f"#{key}" for key in keys], "threshold": threshold}


def header(kind, version, expires="2027-01-01T00:00:00Z"):
    return {"_type": kind, "spec_version": "1.0.34", "version": version, "expires": expires}


def file(name, signers, body):
    return f"%% {name} {signers}\n" + json.dumps(body, separators=(",", ":")) + "\n"


def root(version, signers="0", consistent=True, timestamp=1, **options):
    keys = {f"#{key}": f"@{key}" for key in range(6)}
    roles = {"root": role([0]), "timestamp": role([timestamp]), "snapshot": role([2]), "targets": role([3])}
    roles.update(options)
    body = {**header("root", version), "consistent_snapshot": consistent, "keys": keys, "roles": roles}
    return file(f"{version}.root.json", signers, body)


def targets(version=1, name="targets", signers="3", listed=(), delegated=(), consistent=True):
    body = {**header("targets", version), "targets": {
        path: {"length": len(content), "hashes": {"sha256": f"={content}"}} for path, content in listed
    }}
    if delegated:
        body["delegations"] = {"keys": {"#4": "@4", "#5": "@5"}, "roles": list(delegated)}
    return file(f"{version}.{name}.json" if consistent else f"{name}.json", signers, body)


def online(version, meta, timestamp="1", consistent=True, hashes=False, expires="2027-01-01T00:00:00Z", **more):
    name = f"{version}.snapshot.json" if consistent else "snapshot.json"
    body = {**header("snapshot", version, expires), "meta": {f"{role}.json": {"version": v} for role, v in meta.items()}}
    listed = {"version": version}
    if hashes:
        listed["hashes"] = {"sha256": f"^{name}"}
        for listing, v in meta.items():
            body["meta"][f"{listing}.json"]["hashes"] = {"sha256": f"^{v}.{listing}.json"}
    stamp = {**header("timestamp", version, expires), "meta": {"snapshot.json": listed}, **more}
    return file(name, "2", body) + file("timestamp.json", timestamp, stamp)


def delegation(name, paths, key=4, **more):
    return {"name": name, **role([key]), "terminating": False, "paths": paths, **more}


def updates():
    content = ("team/file.txt", "contents")
    served = "%% targets/team/{}.file.txt -\ncontents\n".format(
        "d1b2a59fbea7e20077af9f91b27e95e865061b270be03ff539ab3b73587882e8"
    )
    plain = "%% targets/team/file.txt -\ncontents\n"
    team = [delegation("team", ["team/*"])]
    first = root(1) + targets(delegated=team) + targets(name="team", signers="4", listed=[content])
    meta = {"targets": 1, "team": 1}
    write("update", "delegated", first + online(1, meta) + served)
    write("update", "hashes", first + online(1, meta, hashes=True) + served)
    write("update", "plain", root(1, consistent=False) + targets(consistent=False, listed=[content])
          + online(1, {"targets": 1}, consistent=False) + plain)
    write("update", "twice", first + online(1, meta) + served + "%% update 0\n" + online(2, meta))
    write("update", "rollback", first + online(2, meta) + "%% update 0\n" + online(1, meta))
    write("update", "expired", first + online(1, meta) + "%% update 0\n%% update 9999999\n")
    write("update", "rotation", first + online(5, meta) + "%% update 0\n" + root(2, "0", timestamp=5)
          + root(3, "0", timestamp=5) + online(1, meta, timestamp="5") + "%% update 60\n" + online(2, meta, timestamp="5"))
    write("update", "thresholds", root(1, "01", root=role([0, 1, 2], 2)) + root(2, "012", root=role([0, 1, 2], 3))
          + targets() + online(1, {"targets": 1}))
    cycle = [delegation("a", ["*", "*/*"]), delegation("b", ["*", "*/*"], 5, terminating=True)]
    write("update", "cycle", root(1) + targets(delegated=cycle) + targets(name="a", signers="4", delegated=cycle)
          + targets(name="b", signers="5", delegated=cycle, listed=[("x", "1"), ("y/z", "2")])
          + online(1, {"targets": 1, "a": 1, "b": 1}, **{"x-edge-signed-at": "2026-11-20T13:00:00Z"}))
    bins = {"name": "bin", **role([5]), "terminating": True, "path_hash_prefixes": list("0123456789abcdef")}
    write("update", "bins", root(1) + targets(delegated=[bins]) + targets(name="bin", signers="5", listed=[content])
          + online(1, {"targets": 1, "bin": 1}) + served)
    write("update", "stranger", first + file("2.root.json", "5", {"_type": "root"}) + "%% timestamp.json -\n{}\n")


def proposals():
    def part(name, text, signers="-"):
        return file(name, signers, text) if isinstance(text, dict) else f"%% {name} -\n{text}\n"

    def signed(text, name, signers=None):
        """A file of the functions above, as a part of another name."""
        first, body = text.split("\n", 1)
        return f"%% {name} {signers or first.split(' ')[2]}\n{body}"

    first = signed(root(1), "root")
    digest = {"length": 8, "hashes": {"sha256": "=contents"}}
    team = [{**delegation("team", ["team/*"]), **role([4, 5], 2)}]
    above = signed(targets(3, delegated=team), "delegator/targets")
    body = {**header("targets", 2), "targets": {"team/file.txt": {**digest, "custom": {"a": [1, "\u001b[31m"]}}}}
    write("proposals", "channel", first + above + part("previous", {**header("targets", 1), "targets": {}}, "45")
          + part("metadata/team", body, "4") + part("document/team/file.txt", "contents")
          + part("attachment", '{"words":"contents"}'))
    second = signed(root(2, "0", timestamp=5, root=role([0, 1, 2], 2), **{"x-\n": {"keyids": ["#1"], "threshold": 1}}),
                    "metadata/root")
    write("proposals", "root", first + second)
    write("proposals", "beginning", signed(root(1, ""), "metadata/root"))
    write("proposals", "first-targets", signed(root(1, "-"), "root", "5") + part("assumed/root", "")
          + signed(targets(1, delegated=team, listed=[("x", "1")], signers="5"), "metadata/targets")
          + part("document/x", "1"))
    text = {
        "format": "edge-proposal-1", "role": "targets", "version": 1, "roots": [], "delegators": [], "assumed": [],
        "documents": [{"path": "a/b", "text": "x\u0000"}], "attachments": ["{}"],
        "metadata": json.dumps({"signatures": [], "signed": {**header("targets", 1), "targets": {}}}),
    }
    write("proposals", "as-it-travels", json.dumps(text, indent=2))


def xml():
    write("xml", "listing", """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><KeyCount>2</KeyCount>
<IsTruncated>false</IsTruncated><Contents><Key>a/1.root.json</Key><Size>12</Size></Contents>
<Contents><Key>b&amp;c&#x20AC;</Key><Size>0</Size></Contents></ListBucketResult>""")
    write("xml", "error", "<Error><Code>NoSuchKey</Code><Message>&lt;none&gt;</Message></Error>")
    write("xml", "document-type", '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c SYSTEM "file:///etc/passwd">]><a>&b;&c;</a>')
    write("xml", "pieces", "<a b='c'><!-- d --><![CDATA[<e>]]><?f g?>\r\n&#13;<h:i/></a>")
    write("xml", "deep", "<a>" * 9 + "</a>" * 9)


json_documents()
proposals()
xml()
path_patterns()
keys()
certificates()
metadata()
updates()
