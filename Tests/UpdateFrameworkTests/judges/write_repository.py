"""Write a repository with python-tuf, and print its targets, one a line.

    write_repository.py DIR consistent|plain

Root 3, all key types with thresholds, a delegated role with a role of its own, a terminating one, and hash bins.
"""

import hashlib
import os
import sys
from datetime import datetime, timedelta, timezone

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

EXPIRES = (datetime.now(timezone.utc) + timedelta(days=1)).replace(microsecond=0)


RSA = CryptoSigner.generate_rsa()  # slow to make: one for all roles


def signers():
    return [CryptoSigner.generate_ed25519(), RSA, CryptoSigner.generate_ecdsa()]


class Repository:
    def __init__(self, folder, consistent):
        self.folder = folder
        self.consistent = consistent
        self.names = []
        self.snapshot = Snapshot(expires=EXPIRES)
        self.keys = {role: signers() for role in ("root", "timestamp", "snapshot", "targets", "bundles", "team", "bins")}

    def write(self, name, document):
        path = os.path.join(self.folder, "metadata", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        document.to_file(path)
        return path

    def sign(self, role, signed, keys, versioned=True):
        document = Metadata(signed)
        for signer in keys:
            document.sign(signer, append=True)
        prefix = f"{signed.version}." if versioned else ""
        path = self.write(f"{prefix}{role}.json", document)
        with open(path, "rb") as file:
            content = file.read()
        return MetaFile(signed.version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})

    def target(self, metadata, name, algorithms):
        content = f"contents of {name}\n".encode()
        self.names.append(name)
        metadata.targets[name] = TargetFile.from_data(name, content, algorithms)
        folder, _, file_name = name.rpartition("/")
        prefixes = [f"{digest}." for digest in metadata.targets[name].hashes.values()] if self.consistent else [""]
        for prefix in prefixes:
            path = os.path.join(self.folder, "targets", folder, prefix + file_name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)

    def role(self, name, metadata, keys):
        self.snapshot.meta[f"{name}.json"] = self.sign(name, metadata, keys, self.consistent)

    def write_roots(self):
        root = Root(expires=EXPIRES, consistent_snapshot=self.consistent)
        for role in ("root", "timestamp", "snapshot", "targets"):
            for signer in self.keys[role]:
                root.add_key(signer.public_key, role)
            root.roles[role].threshold = 3 if role in ("root", "targets") else 1
        self.sign("root", root, self.keys["root"])
        for _ in range(2):
            old = self.keys["root"]
            self.keys["root"] = old[:-1] + [CryptoSigner.generate_ecdsa()]
            root.version += 1
            root.revoke_key(old[-1].public_key.keyid, "root")
            root.add_key(self.keys["root"][-1].public_key, "root")
            self.sign("root", root, old + self.keys["root"][-1:])

    def write_targets(self):
        top = Targets(expires=EXPIRES)
        self.target(top, "top.txt", ["sha256", "sha512"])
        top.delegations = Delegations({}, {})
        bundles = DelegatedRole("bundles", [], 2, False, ["bundles/*/*"])
        bins = [
            DelegatedRole(f"bin-{digit}", [], 1, False, path_hash_prefixes=[digit]) for digit in "0123456789abcdef"
        ]
        for role in [bundles, *bins]:
            top.delegations.roles[role.name] = role
            for signer in self.keys["bins" if role.name.startswith("bin-") else "bundles"]:
                top.add_key(signer.public_key, role.name)
        self.role("targets", top, self.keys["targets"])

        middle = Targets(expires=EXPIRES)
        self.target(middle, "bundles/a/1.json", ["sha512"])
        middle.delegations = Delegations({}, {"team": DelegatedRole("team", [], 1, True, ["bundles/team/*"])})
        middle.add_key(self.keys["team"][1].public_key, "team")
        self.role("bundles", middle, self.keys["bundles"][:2])

        team = Targets(expires=EXPIRES, unrecognized_fields={"x-note": 'a "quoted" \\ \n line, ü'})
        self.target(team, "bundles/team/2.json", ["sha256"])
        self.role("team", team, self.keys["team"][1:2])

        for bin in bins:
            content = Targets(expires=EXPIRES)
            for number in range(40):
                name = f"binned/{number}.txt"
                if bin.is_delegated_path(name):
                    self.target(content, name, ["sha256"])
            self.role(bin.name, content, self.keys["bins"])

    def write_online(self):
        listed = self.sign("snapshot", self.snapshot, self.keys["snapshot"], self.consistent)
        timestamp = Timestamp(expires=EXPIRES, snapshot_meta=listed)
        self.sign("timestamp", timestamp, self.keys["timestamp"][:1], versioned=False)


def main():
    repository = Repository(sys.argv[1], sys.argv[2] == "consistent")
    repository.write_roots()
    repository.write_targets()
    repository.write_online()
    print("\n".join(repository.names))


if __name__ == "__main__":
    main()
