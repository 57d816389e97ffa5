"""Write a repository with python-tuf, and what became of it later.

    write_repository.py DIR consistent|plain

DIR/first: root 3, all key types with thresholds of all of them, a delegated role with a role of its own, a terminating
one, and hash bins. DIR/second: the same after a root rotation with another threshold, a key taken from `bundles`, new keys
for snapshot and timestamp, the delegation to `team` removed, one to `late` added, and changed bins. Prints `first`, the
paths of its targets, `second`, and its paths, one a line.
"""

import hashlib
import os
import shutil
import sys
from datetime import datetime, timedelta, timezone

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner, SSlibKey
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


def p384():
    private = ec.generate_private_key(ec.SECP384R1())
    return CryptoSigner(private, SSlibKey.from_crypto(private.public_key()))


def signers():
    return [CryptoSigner.generate_ed25519(), RSA, CryptoSigner.generate_ecdsa(), p384()]


class Repository:
    def __init__(self, folder, consistent):
        self.folder = folder
        self.consistent = consistent
        self.snapshot = Snapshot(expires=EXPIRES)
        self.root = Root(expires=EXPIRES, consistent_snapshot=consistent)
        # Roles that list targets, by name.
        self.roles = {}
        names = ("root", "timestamp", "snapshot", "targets", "bundles", "team", "late", "bins")
        self.keys = {name: signers() for name in names}

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

    def target(self, role, name, algorithms):
        content = f"contents of {name}\n".encode()
        listed = TargetFile.from_data(name, content, algorithms)
        self.roles[role].targets[name] = listed
        folder, _, file_name = name.rpartition("/")
        prefixes = [f"{digest}." for digest in listed.hashes.values()] if self.consistent else [""]
        for prefix in prefixes:
            path = os.path.join(self.folder, "targets", folder, prefix + file_name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)

    def write_role(self, name, keys):
        self.snapshot.meta[f"{name}.json"] = self.sign(name, self.roles[name], keys, self.consistent)

    def replace_root_keys(self, *replaced):
        """The next root, in which some of its keys are others, signed by the old ones and the new."""
        old = list(self.keys["root"])
        for index, signer in replaced:
            self.root.revoke_key(old[index].public_key.keyid, "root")
            self.root.add_key(signer.public_key, "root")
            self.keys["root"][index] = signer
        self.root.version += 1
        unique = {signer.public_key.keyid: signer for signer in old + self.keys["root"]}
        self.sign("root", self.root, unique.values())

    def write_first(self):
        for role in ("root", "timestamp", "snapshot", "targets"):
            for signer in self.keys[role]:
                self.root.add_key(signer.public_key, role)
        self.root.roles["root"].threshold = 4
        self.root.roles["targets"].threshold = 3
        self.sign("root", self.root, self.keys["root"])
        self.replace_root_keys((1, p384()))
        self.replace_root_keys((0, CryptoSigner.generate_ed25519()), (2, CryptoSigner.generate_ecdsa()))

        top = self.roles["targets"] = Targets(expires=EXPIRES)
        self.target("targets", "top.txt", ["sha256", "sha512"])
        bundles = DelegatedRole("bundles", [], 2, False, ["bundles/*/*"])
        bins = [
            DelegatedRole(f"bin-{digit}", [], 4, False, path_hash_prefixes=[digit, f"{other}0"])
            for digit, other in zip("02468ace", "13579bdf")
        ]
        rest = DelegatedRole("bin-rest", [], 1, False, path_hash_prefixes=list("13579bdf"))
        top.delegations = Delegations({}, {role.name: role for role in [bundles, *bins, rest]})
        for name in top.delegations.roles:
            for signer in self.keys["bundles" if name == "bundles" else "bins"]:
                top.add_key(signer.public_key, name)
        self.write_role("targets", self.keys["targets"][1:])

        middle = self.roles["bundles"] = Targets(expires=EXPIRES)
        self.target("bundles", "bundles/a/1.json", ["sha512"])
        middle.delegations = Delegations({}, {"team": DelegatedRole("team", [], 1, True, ["bundles/team/*"])})
        middle.add_key(self.keys["team"][1].public_key, "team")
        # RSA and P-384 make up the threshold.
        self.write_role("bundles", self.keys["bundles"][1::2])

        self.roles["team"] = Targets(expires=EXPIRES, unrecognized_fields={"x-note": 'a "quoted" \\ \n line, ü'})
        self.target("team", "bundles/team/2.json", ["sha256"])
        self.write_role("team", self.keys["team"][1:2])

        for bin in [*bins, rest]:
            self.roles[bin.name] = Targets(expires=EXPIRES)
            self.fill(bin, range(40))
        self.write_online()

    def fill(self, bin, numbers):
        for number in numbers:
            name = f"binned/{number}.txt"
            # What two bins could list is in the first of them.
            if bin.is_delegated_path(name) and not any(name in role.targets for role in self.roles.values()):
                self.target(bin.name, name, ["sha256"])
        self.write_role(bin.name, self.keys["bins"])

    def write_second(self):
        online = {role: [CryptoSigner.generate_ed25519()] for role in ("timestamp", "snapshot")}
        for role, keys in online.items():
            for signer in self.keys[role]:
                self.root.revoke_key(signer.public_key.keyid, role)
            self.root.add_key(keys[0].public_key, role)
        self.keys.update(online)
        self.root.roles["root"].threshold = 2
        self.replace_root_keys((3, CryptoSigner.generate_rsa()))

        top, middle = self.roles["targets"], self.roles["bundles"]
        top.version += 1
        top.revoke_key(self.keys["bundles"][1].public_key.keyid, "bundles")
        late = DelegatedRole("late", [], 2, False, ["late/*"])
        top.delegations.roles = {"late": late, **top.delegations.roles}
        for signer in self.keys["late"]:
            top.add_key(signer.public_key, "late")
        self.write_role("targets", self.keys["targets"][:3])
        self.roles["late"] = Targets(expires=EXPIRES)
        self.target("late", "late/3.json", ["sha256", "sha512"])
        self.write_role("late", self.keys["late"][2:])

        middle.version += 1
        middle.delegations = None
        self.write_role("bundles", [self.keys["bundles"][0], self.keys["bundles"][3]])
        del self.roles["team"], self.snapshot.meta["team.json"]

        for bin in top.delegations.roles.values():
            if bin.name.startswith("bin-"):
                self.roles[bin.name].version += 1
                self.fill(bin, range(40, 60))
        self.snapshot.version += 1
        self.write_online()

    def write_online(self):
        listed = self.sign("snapshot", self.snapshot, self.keys["snapshot"], self.consistent)
        timestamp = Timestamp(self.snapshot.version, expires=EXPIRES, snapshot_meta=listed)
        self.sign("timestamp", timestamp, self.keys["timestamp"][:1], versioned=False)

    def show(self, state):
        print(state)
        for role in self.roles.values():
            print("\n".join(role.targets))


def main():
    folder = sys.argv[1]
    repository = Repository(os.path.join(folder, "first"), sys.argv[2] == "consistent")
    repository.write_first()
    repository.show("first")
    repository.folder = os.path.join(folder, "second")
    shutil.copytree(os.path.join(folder, "first"), repository.folder)
    repository.write_second()
    repository.show("second")


if __name__ == "__main__":
    main()
