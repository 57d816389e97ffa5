"""Write repositories of The Update Framework that each have one defect, or one peculiarity that is none, and one that is plain.

    hostile_repositories.py OUT

OUT/trusted-root.json is the root that a client begins with, and OUT/before the repository as it was when the client was
there last. Every other folder is the same repository a version later, named after its one defect or peculiarity, which
the lines that are printed tell apart; `control` has neither.
`recovered` is for those who come out of a hostile repository: some versions later; in `recovered-by-new-keys` snapshots
and timestamps have other keys as well, which is how a client forgets roles that should never have been listed.
In each: metadata/, targets/, and fixture.json: `target`, which the client is to download, `stage`, the part that has the
defect, and `answers`, where the server misbehaves for a path (hostile_server.py).

Nothing here uses our code or python-tuf: plain JSON, a canonical form of its own, keys of `cryptography`.
"""

import base64
import copy
import gzip
import hashlib
import json
import os
import sys
import urllib.parse
from datetime import datetime, timedelta, timezone

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

NOW = datetime.now(timezone.utc).replace(microsecond=0)
TARGET = "team/file.txt"
FOREIGN = "other/file.txt"


def moment(days):
    return (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical(value):
    """OLPC canonical JSON, which signatures and key ids are over."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"


class Key:
    def __init__(self, kind):
        self.kind = kind
        if kind == "ed25519":
            self.private = ed25519.Ed25519PrivateKey.generate()
        elif kind == "rsa":
            self.private = rsa.generate_private_key(65537, 2048)
        else:
            self.private = ec.generate_private_key(ec.SECP256R1() if kind == "p256" else ec.SECP384R1())
        public = self.private.public_key()
        if kind == "ed25519":
            names = ("ed25519", "ed25519")
            text = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
        else:
            names = {
                "rsa": ("rsa", "rsassa-pss-sha256"),
                "p256": ("ecdsa", "ecdsa-sha2-nistp256"),
                "p384": ("ecdsa", "ecdsa-sha2-nistp384"),
            }[kind]
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            text = public.public_bytes(serialization.Encoding.PEM, form).decode()
        self.object = {"keytype": names[0], "scheme": names[1], "keyval": {"public": text}}
        self.id = hashlib.sha256(canonical(self.object).encode()).hexdigest()

    def sign(self, message):
        if self.kind == "ed25519":
            return self.private.sign(message).hex()
        if self.kind == "rsa":
            return self.private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()).hex()
        return self.private.sign(message, ec.ECDSA(hashes.SHA256() if self.kind == "p256" else hashes.SHA384())).hex()


ROOT = [Key("ed25519"), Key("p256"), Key("rsa")]
TIMESTAMP, SNAPSHOT, TARGETS = Key("p256"), Key("ed25519"), Key("p384")
TEAM = [Key("p256"), Key("ed25519")]
STRANGERS = [Key("p256"), Key("ed25519"), Key("p384")]


def table(keys):
    return {key.id: key.object for key in keys}


def role(keys, threshold=1):
    return {"keyids": [key.id for key in keys], "threshold": threshold}


def body(kind, **members):
    return {"_type": kind, "spec_version": "1.0.34", "version": 1, "expires": moment(30), **members}


def listed(content):
    return {"length": len(content), "hashes": {"sha256": hashlib.sha256(content).hexdigest()}}


def document(signed, keys):
    message = canonical(signed).encode()
    return {"signatures": [{"keyid": key.id, "sig": key.sign(message)} for key in keys], "signed": signed}


def text(value):
    return json.dumps(value, ensure_ascii=False).encode()


class Repository:
    """Root 1 with a threshold of two of three, version 1 of the rest; lengths and digests are stated everywhere."""

    def __init__(self):
        self.files = {}
        self.answers = {}
        self.signers = {
            "root": ROOT[:2],
            "timestamp": [TIMESTAMP],
            "snapshot": [SNAPSHOT],
            "targets": [TARGETS],
            "team": TEAM,
        }
        roles = {name: role(self.signers[name]) for name in ("timestamp", "snapshot", "targets")}
        roles["root"] = role(ROOT, 2)
        self.bodies = {
            "root": body(
                "root",
                consistent_snapshot=True,
                keys=table([*ROOT, TIMESTAMP, SNAPSHOT, TARGETS]),
                roles=roles,
            ),
            "timestamp": body("timestamp", version=0, meta={}),
            "snapshot": body("snapshot", version=0, meta={}),
            "targets": body(
                "targets",
                targets={},
                delegations={
                    "keys": table(TEAM),
                    "roles": [{"name": "team", **role(TEAM, 2), "terminating": False, "paths": ["team/*"]}],
                },
            ),
            "team": body("targets", targets={}),
        }
        self.add(TARGET, b"the contents of version 1\n")
        for name in ("root", "targets", "team"):
            self.write(name)
        for name in ("snapshot", "timestamp"):
            self.bump(name)

    def copied(self):
        other = Repository.__new__(Repository)
        other.files, other.signers = dict(self.files), dict(self.signers)
        other.bodies, other.answers = copy.deepcopy(self.bodies), {}
        return other

    def add(self, path, content):
        entry = listed(content)
        self.bodies["team"]["targets"][path] = entry
        folder, _, name = path.rpartition("/")
        self.files[f"targets/{folder}/{entry['hashes']['sha256']}.{name}"] = content

    def name(self, role_name):
        return "timestamp.json" if role_name == "timestamp" else f"{self.bodies[role_name]['version']}.{role_name}.json"

    def write(self, role_name, keys=None, name=None):
        signed = self.bodies[role_name]
        content = text(document(signed, self.signers[role_name] if keys is None else keys))
        self.files[f"metadata/{name or self.name(role_name)}"] = content
        if role_name == "snapshot":
            self.bodies["timestamp"]["meta"]["snapshot.json"] = {"version": signed["version"], **listed(content)}
        elif role_name not in ("root", "timestamp"):
            self.bodies["snapshot"]["meta"][f"{role_name}.json"] = {"version": signed["version"], **listed(content)}

    def bump(self, role_name, edit=None, keys=None):
        """The next version, which `edit` may spoil before it is signed; it is called what it should be called."""
        self.bodies[role_name]["version"] += 1
        name = self.name(role_name)
        if edit:
            edit(self.bodies[role_name])
        self.write(role_name, keys, name)
        return f"metadata/{name}"

    def advance(self, spoil=None, edit=None, keys=None):
        """A version later in all but root, one role of it spoiled."""
        self.add(TARGET, b"the contents of a later version\n")
        for name in ("team", "targets", "snapshot", "timestamp"):
            self.bump(name, *((edit, keys) if name == spoil else ()))

    def relist(self):
        """A version later with what the bodies say, adding nothing."""
        for name in ("team", "snapshot", "timestamp"):
            self.bump(name)

    def signature_of(self, role_name, keys):
        message = canonical(self.bodies[role_name]).encode()
        return [{"keyid": key.id, "sig": key.sign(message)} for key in keys]

    def resign(self, role_name, signatures, name=None):
        """Serves the role as it stands with these signatures, whoever they are by."""
        content = text({"signatures": signatures, "signed": self.bodies[role_name]})
        self.files[f"metadata/{name or self.name(role_name)}"] = content

    def save(self, folder, target=TARGET, stage=None):
        for path, content in self.files.items():
            place = os.path.join(folder, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(content)
        fixture = {"target": target, "stage": stage, "answers": self.answers}
        with open(os.path.join(folder, "fixture.json"), "w", encoding="utf-8") as file:
            json.dump(fixture, file, indent=2)


DEFECTS = {}


def defect(stage, target=TARGET):
    """A function that spoils a repository; it is called after the defect."""

    def keep(function):
        DEFECTS[function.__name__.replace("_", "-")] = (stage, target, function)
        return function

    return keep


def edits(stage, target=TARGET, **functions):
    """Defects that are in what a role says: it is signed as it should be, and all else is in order."""

    def one(edit):
        def spoil(repository):
            if stage == "root":
                repository.bump("root", edit)
            repository.advance(stage, edit)

        return spoil

    for name, edit in functions.items():
        DEFECTS[name.replace("_", "-")] = (stage, target, one(edit))


def bytes_edits(stage, **functions):
    """Defects that are in the bytes of a role's file, and that what lists it does not know of."""

    def one(edit):
        def spoil(repository):
            if stage == "root":
                repository.bump("root")
            repository.advance()
            path = f"metadata/{repository.name(stage)}"
            repository.files[path] = edit(repository.files[path])

        return spoil

    for name, edit in functions.items():
        DEFECTS[name.replace("_", "-")] = (stage, TARGET, one(edit))


def remove(*path):
    def edit(signed):
        for name in path[:-1]:
            signed = signed[name]
        del signed[path[-1]]

    return edit


def put(value, *path):
    def edit(signed):
        for name in path[:-1]:
            signed = signed[name]
        signed[path[-1]] = value

    return edit


# root


@defect("root")
def root_not_signed_by_trusted_keys(repository):
    repository.bodies["root"]["keys"].update(table(STRANGERS))
    repository.bodies["root"]["roles"]["root"] = role(STRANGERS, 2)
    repository.signers["root"] = STRANGERS
    repository.bump("root")
    repository.advance()


@defect("root")
def root_below_the_trusted_threshold(repository):
    repository.bodies["root"]["keys"].update(table(STRANGERS))
    repository.bodies["root"]["roles"]["root"] = role([ROOT[0], *STRANGERS], 2)
    repository.bump("root", keys=[ROOT[0], *STRANGERS])
    repository.advance()


@defect("root")
def root_below_its_own_threshold(repository):
    repository.bodies["root"]["keys"].update(table(STRANGERS))
    repository.bodies["root"]["roles"]["root"] = role([ROOT[0], *STRANGERS], 2)
    repository.bump("root", keys=ROOT)
    repository.advance()


@defect("root")
def root_with_one_key_under_two_ids(repository):
    def edit(signed):
        signed["keys"]["alias"] = ROOT[0].object
        signed["roles"]["root"]["keyids"].append("alias")

    repository.bodies["root"]["version"] += 1
    edit(repository.bodies["root"])
    repository.bodies["root"]["roles"]["root"]["threshold"] = 3
    first = repository.signature_of("root", ROOT[:2])
    repository.resign("root", [*first, {"keyid": "alias", "sig": first[0]["sig"]}])
    repository.advance()


@defect("root")
def root_with_a_signature_twice(repository):
    repository.bump("root", keys=[ROOT[0], ROOT[1], ROOT[0]])
    repository.advance()


@defect("root")
def root_with_empty_signatures(repository):
    repository.bump("root")
    repository.resign("root", [{"keyid": key.id, "sig": ""} for key in ROOT])
    repository.advance()


@defect("root")
def root_without_signatures(repository):
    repository.bump("root", keys=[])
    repository.advance()


@defect("root")
def root_signed_as_it_is_written(repository):
    # Over the text that is served, not over the canonical form.
    repository.bump("root")
    message = text(repository.bodies["root"])
    repository.resign("root", [{"keyid": key.id, "sig": key.sign(message)} for key in ROOT])
    repository.advance()


@defect("root")
def root_with_keys_of_another_type(repository):
    # RSA is called ECDSA, so of three keys one is left for a threshold of two.
    def edit(signed):
        for key in ROOT[1:]:
            signed["keys"][key.id] = {**key.object, "keytype": "ed25519"}

    repository.bump("root", edit, ROOT)
    repository.advance()


@defect("root")
def root_of_the_trusted_version_again(repository):
    repository.files["metadata/2.root.json"] = repository.files["metadata/1.root.json"]
    repository.advance()


@defect("timestamp")
def root_that_is_expired(repository):
    # It is trusted (5.3.7 stands before 5.3.10), and nothing goes on from it.
    repository.bump("root", put(moment(-1), "expires"))
    repository.advance()


edits(
    "root",
    root_that_skips_a_version=put(3, "version"),
    root_of_version_zero=put(0, "version"),
    root_of_a_version_in_quotes=put("2", "version"),
    root_of_a_version_beyond_integers=put(2**64, "version"),
    root_without_a_timestamp_role=remove("roles", "timestamp"),
    root_with_a_threshold_of_zero=put(0, "roles", "targets", "threshold"),
    root_with_a_threshold_below_zero=put(-1, "roles", "timestamp", "threshold"),
    root_with_a_threshold_above_its_keys=put(4, "roles", "root", "threshold"),
    root_with_a_key_twice_in_a_role=put([ROOT[0].id, ROOT[0].id, ROOT[1].id], "roles", "root", "keyids"),
    root_of_specification_two=put("2.0.0", "spec_version"),
    root_without_a_specification=remove("spec_version"),
    root_that_says_it_is_targets=put("targets", "_type"),
    root_with_a_fraction_of_a_second=put("2099-01-01T00:00:00.5Z", "expires"),
    root_with_a_local_time=put("2099-01-01T00:00:00+01:00", "expires"),
    root_with_a_day_that_is_none=put("2099-02-30T00:00:00Z", "expires"),
    root_without_keys=remove("keys"),
    root_with_a_key_without_a_scheme=remove("keys", ROOT[0].id, "scheme"),
    root_with_a_key_without_material=remove("keys", ROOT[0].id, "keyval"),
)
bytes_edits(
    "root",
    root_that_is_cut_off=lambda content: content[:-20],
    root_with_more_behind_it=lambda content: content + b"{}",
    root_with_a_name_twice=lambda content: content.replace(b'"version": 2', b'"version": 2, "version": 2', 1),
    root_larger_than_any_may_be=lambda content: content + b" " * 600_000,
    root_that_is_not_unicode=lambda content: content.replace(b"root", b"r\xff\xfet", 1),
    root_that_is_a_list=lambda content: b"[" + content + b"]",
    root_that_is_a_login_page=lambda content: b"<!DOCTYPE html><title>Sign in to the network</title>",
)

# timestamp


@defect("timestamp")
def timestamp_without_signatures(repository):
    repository.advance("timestamp", keys=[])


@defect("timestamp")
def timestamp_signed_by_another_role(repository):
    repository.advance("timestamp", keys=[SNAPSHOT])


@defect("timestamp")
def timestamp_with_an_empty_signature(repository):
    repository.advance()
    repository.resign("timestamp", [{"keyid": TIMESTAMP.id, "sig": ""}])


@defect("timestamp")
def timestamp_with_a_signature_in_another_encoding(repository):
    repository.advance()
    signature = repository.signature_of("timestamp", [TIMESTAMP])[0]
    signature["sig"] = base64.b64encode(bytes.fromhex(signature["sig"])).decode()
    repository.resign("timestamp", [signature])


@defect("timestamp")
def timestamp_with_a_signature_twice(repository):
    repository.advance("timestamp", keys=[TIMESTAMP, TIMESTAMP])


@defect("timestamp")
def timestamp_by_a_key_that_was_replaced(repository):
    def edit(signed):
        signed["keys"].update(table(STRANGERS[:1]))
        signed["roles"]["timestamp"] = role(STRANGERS[:1])

    repository.bump("root", edit)
    repository.advance()


@defect("timestamp")
def timestamp_older_than_the_trusted_one(repository):
    repository.bodies["timestamp"]["version"] = 1
    repository.write("timestamp")


@defect("timestamp")
def timestamp_that_is_missing(repository):
    repository.advance()
    del repository.files["metadata/timestamp.json"]


@defect("timestamp")
def timestamp_that_is_a_snapshot(repository):
    repository.advance()
    repository.files["metadata/timestamp.json"] = text(document(repository.bodies["snapshot"], [TIMESTAMP]))


edits(
    "timestamp",
    timestamp_naming_an_older_snapshot=put(1, "meta", "snapshot.json", "version"),
    timestamp_that_is_expired=put(moment(-1), "expires"),
    timestamp_without_an_expiry=remove("expires"),
    timestamp_without_a_snapshot=put({}, "meta"),
    timestamp_of_a_negative_version=put(-3, "version"),
    timestamp_of_a_fractional_version=put(3.5, "version"),
    timestamp_with_a_fraction_where_nobody_looks=put(0.5, "x-note"),
    timestamp_naming_a_snapshot_of_version_zero=put(0, "meta", "snapshot.json", "version"),
)
bytes_edits(
    "timestamp",
    timestamp_changed_after_it_was_signed=lambda content: content.replace(b'"version": 3, "exp', b'"version": 9, "exp'),
    timestamp_larger_than_any_may_be=lambda content: content + b" " * 20_000,
    timestamp_nested_without_end=lambda content: content.replace(b'"meta"', b'"x": ' + b"[" * 4_000 + b', "meta"'),
    timestamp_that_is_empty=lambda content: b"",
    timestamp_with_a_mark_of_byte_order=lambda content: b"\xef\xbb\xbf" + content,
    timestamp_whose_signatures_are_an_object=lambda content: content.replace(b'"signatures": [{', b'"signatures": {"a": {').replace(b"}], ", b"}}, "),
)

# snapshot


@defect("snapshot")
def snapshot_signed_by_another_role(repository):
    repository.advance("snapshot", keys=[TIMESTAMP])


@defect("snapshot")
def snapshot_of_another_version_than_its_name(repository):
    # As the timestamp states neither its length nor its digest, the name is all that there is.
    old = repository.files["metadata/2.snapshot.json"]
    repository.advance("timestamp", put({"version": 3}, "meta", "snapshot.json"))
    repository.files["metadata/3.snapshot.json"] = old


@defect("snapshot")
def snapshot_that_is_missing(repository):
    repository.advance()
    del repository.files["metadata/3.snapshot.json"]


@defect("snapshot")
def snapshot_that_says_it_is_targets(repository):
    repository.advance("snapshot", put("targets", "_type"))


@defect("snapshot")
def snapshot_with_no_digest_that_is_known(repository):
    repository.advance("timestamp", put({"md5": "00"}, "meta", "snapshot.json", "hashes"))


@defect("snapshot")
def snapshot_listed_larger_than_any_may_be(repository):
    repository.advance("timestamp", put(3_000_000, "meta", "snapshot.json", "length"))
    repository.files["metadata/3.snapshot.json"] += b" " * 2_500_000


edits(
    "snapshot",
    snapshot_that_is_expired=put(moment(-1), "expires"),
    snapshot_naming_older_targets=put(1, "meta", "targets.json", "version"),
    snapshot_naming_an_older_role=put(1, "meta", "team.json", "version"),
    snapshot_that_forgets_a_role=remove("meta", "team.json"),
    snapshot_without_targets=remove("meta", "targets.json"),
    snapshot_naming_version_zero=put(0, "meta", "team.json", "version"),
    snapshot_naming_a_length_below_zero=put(-1, "meta", "team.json", "length"),
    snapshot_naming_a_digest_that_is_none=put("XYZ", "meta", "team.json", "hashes", "sha256"),
)
bytes_edits(
    "snapshot",
    snapshot_of_another_digest=lambda content: content.replace(b'"spec_version": "1.0.34"', b'"spec_version": "1.0.33"'),
    snapshot_shorter_than_listed=lambda content: content[:-1],
    snapshot_longer_than_listed=lambda content: content + b" ",
)

# targets


@defect("targets")
def targets_signed_by_a_delegate(repository):
    repository.advance("targets", keys=TEAM)


@defect("targets")
def targets_of_another_version_than_its_name(repository):
    old = repository.files["metadata/2.targets.json"]
    repository.advance("snapshot", put({"version": 3}, "meta", "targets.json"))
    repository.files["metadata/3.targets.json"] = old


@defect("targets")
def targets_that_are_missing(repository):
    repository.advance()
    del repository.files["metadata/3.targets.json"]


def delegated(**members):
    return lambda signed: signed["delegations"]["roles"][0].update(members)


def with_prefixes(prefixes):
    def edit(signed):
        entry = signed["delegations"]["roles"][0]
        del entry["paths"]
        if prefixes is not None:
            entry["path_hash_prefixes"] = prefixes

    return edit


edits(
    "targets",
    targets_that_are_expired=put(moment(-1), "expires"),
    targets_without_targets=remove("targets"),
    targets_with_a_length_below_zero=put({"length": -5, "hashes": {"sha256": "0" * 64}}, "targets", "x"),
    targets_with_a_digest_that_is_none=put({"length": 5, "hashes": {"sha256": "AB"}}, "targets", "x"),
    targets_without_a_length=put({"hashes": {"sha256": "0" * 64}}, "targets", "x"),
    targets_with_custom_data_that_is_no_object=put({**listed(b"x"), "custom": 7}, "targets", "x"),
    targets_delegating_to_a_top_level_role=delegated(name="snapshot"),
    targets_delegating_to_a_role_without_a_name=delegated(name=""),
    targets_delegating_to_a_role_named_by_a_newline=delegated(name="team\n"),
    targets_delegating_by_paths_and_prefixes=delegated(path_hash_prefixes=["00"]),
    targets_delegating_by_neither_paths_nor_prefixes=with_prefixes(None),
    targets_delegating_by_prefixes_that_are_no_digits=with_prefixes(["XY"]),
    targets_delegating_to_a_role_twice=lambda signed: signed["delegations"]["roles"].append(
        signed["delegations"]["roles"][0]
    ),
    targets_delegating_by_a_threshold_of_zero=delegated(threshold=0),
    targets_delegating_by_a_key_twice=delegated(keyids=[TEAM[0].id, TEAM[0].id], threshold=2),
)
bytes_edits(
    "targets",
    targets_of_another_digest=lambda content: content.replace(b'"spec_version": "1.0.34"', b'"spec_version": "1.0.33"'),
)

# a delegated role


@defect("team")
def team_signed_by_its_delegator(repository):
    repository.advance("team", keys=[TARGETS])


@defect("team")
def team_below_its_threshold(repository):
    repository.advance("team", keys=TEAM[:1])


@defect("team")
def team_whose_keys_were_taken_away(repository):
    def edit(signed):
        signed["delegations"]["keys"] = table(STRANGERS)
        signed["delegations"]["roles"][0].update(role(STRANGERS, 2))

    repository.advance("targets", edit)


@defect("team")
def team_of_another_version_than_listed(repository):
    old = repository.files["metadata/2.team.json"]
    repository.advance("snapshot", put({"version": 3}, "meta", "team.json"))
    repository.files["metadata/3.team.json"] = old


@defect("team")
def team_that_is_missing(repository):
    repository.advance()
    del repository.files["metadata/3.team.json"]


@defect("file", FOREIGN)
def team_listing_what_it_is_not_trusted_with(repository):
    repository.add(FOREIGN, b"of another team\n")
    repository.advance()


@defect("file", "team/x/file.txt")
def team_listing_what_is_a_folder_too_deep(repository):
    repository.add("team/x/file.txt", b"below a folder that the pattern does not reach\n")
    repository.advance()


@defect("file", "team/../../file.txt")
def team_listing_a_path_that_leads_out(repository):
    repository.bodies["targets"]["delegations"]["roles"][0]["paths"] = ["team/*", "team/*/*/*"]
    content = b"written where nobody asked for it\n"
    repository.bodies["team"]["targets"]["team/../../file.txt"] = listed(content)
    repository.files[f"{hashlib.sha256(content).hexdigest()}.file.txt"] = content
    repository.advance()


@defect("file")
def team_behind_a_terminating_role(repository):
    # The role before it may not be gone past, and has no such target.
    def edit(signed):
        signed["delegations"]["keys"].update(table(STRANGERS))
        first = {"name": "first", **role(STRANGERS), "terminating": True, "paths": ["team/*"]}
        signed["delegations"]["roles"].insert(0, first)

    repository.bodies["first"] = body("targets", targets={})
    repository.signers["first"] = STRANGERS
    repository.write("first")
    repository.advance("targets", edit)


@defect("file", "team/nothing")
def team_delegating_in_circles(repository):
    for name, other in (("a", "b"), ("b", "a")):
        delegation = {"name": other, **role(STRANGERS), "terminating": False, "paths": ["team/*"]}
        delegations = {"keys": table(STRANGERS), "roles": [delegation]}
        repository.bodies[name] = body("targets", targets={}, delegations=delegations)
        repository.signers[name] = STRANGERS
        repository.write(name)
    delegation = {"name": "a", **role(STRANGERS), "terminating": False, "paths": ["team/*"]}
    repository.bodies["team"]["delegations"] = {"keys": table(STRANGERS), "roles": [delegation]}
    repository.advance()


@defect("file", "team/nothing")
def team_delegating_without_end(repository):
    for number in range(60):
        delegation = {"name": f"r{number + 1}", **role(STRANGERS), "terminating": False, "paths": ["team/*"]}
        delegations = {"keys": table(STRANGERS), "roles": [delegation]}
        repository.bodies[f"r{number}"] = body("targets", targets={}, delegations=delegations)
        repository.signers[f"r{number}"] = STRANGERS
        repository.write(f"r{number}")
    delegation = {"name": "r0", **role(STRANGERS), "terminating": False, "paths": ["team/*"]}
    repository.bodies["team"]["delegations"] = {"keys": table(STRANGERS), "roles": [delegation]}
    repository.advance()


edits(
    "team",
    team_that_is_expired=put(moment(-1), "expires"),
    team_that_says_it_is_root=put("root", "_type"),
)
bytes_edits(
    "team",
    team_of_another_digest=lambda content: content.replace(b'"spec_version": "1.0.34"', b'"spec_version": "1.0.33"'),
)

# files of targets


def spoil_files(edit):
    def spoil(repository):
        repository.advance()
        for path in [path for path in repository.files if path.startswith("targets/")]:
            content = edit(repository.files[path])
            if content is None:
                del repository.files[path]
            else:
                repository.files[path] = content

    return spoil


for file_name, file_edit in {
    "file-with-other-contents": lambda content: b"T" + content[1:],
    "file-longer-than-listed": lambda content: content + b"more",
    "file-shorter-than-listed": lambda content: content[:-1],
    "file-that-is-empty": lambda content: b"",
    "file-that-is-missing": lambda content: None,
}.items():
    DEFECTS[file_name] = ("file", TARGET, spoil_files(file_edit))


@defect("file")
def file_with_no_digest_that_is_known(repository):
    repository.advance()
    repository.bodies["team"]["targets"][TARGET]["hashes"] = {"blake2b": "00"}
    repository.relist()


@defect("file")
def file_with_a_right_and_a_wrong_digest(repository):
    repository.advance()
    repository.bodies["team"]["targets"][TARGET]["hashes"]["sha512"] = "0" * 128
    content = next(content for path, content in repository.files.items() if path.startswith("targets/"))
    repository.files[f"targets/team/{'0' * 128}.file.txt"] = content
    repository.relist()


# servers


def server(stage, path, **answer):
    def spoil(repository):
        repository.advance()
        place = path
        if path == "target":
            digest = repository.bodies["team"]["targets"][TARGET]["hashes"]["sha256"]
            place = f"targets/team/{digest}.file.txt"
        repository.answers[place] = answer

    return (stage, TARGET, spoil)


DEFECTS["server-that-cuts-a-transfer-of-metadata"] = server("timestamp", "metadata/timestamp.json", kind="cut")
DEFECTS["server-that-cuts-a-transfer-of-a-target"] = server("file", "target", kind="cut")
DEFECTS["server-that-never-ends-metadata"] = server("timestamp", "metadata/timestamp.json", kind="endless")
DEFECTS["server-that-never-ends-a-root"] = server("root", "metadata/2.root.json", kind="endless")
DEFECTS["server-that-never-ends-a-target"] = server("file", "target", kind="endless")
DEFECTS["server-that-redirects-in-circles"] = server(
    "timestamp", "metadata/timestamp.json", kind="redirect", location="timestamp.json"
)
DEFECTS["server-that-redirects-to-a-file"] = server(
    "timestamp", "metadata/timestamp.json", kind="redirect", location="file:///etc/hostname"
)
DEFECTS["server-that-fails-for-a-root"] = server("root", "metadata/2.root.json", kind="status", status=500)
DEFECTS["server-that-fails-for-a-snapshot"] = server("snapshot", "metadata/3.snapshot.json", kind="status", status=502)
DEFECTS["server-that-is-busy-for-an-hour"] = server(
    "timestamp", "metadata/timestamp.json", kind="status", status=503, headers={"Retry-After": "3600"}
)
DEFECTS["server-that-speaks-no-http"] = server("timestamp", "metadata/timestamp.json", kind="garbage")
DEFECTS["server-that-hangs-up"] = server("timestamp", "metadata/timestamp.json", kind="hang-up")
DEFECTS["server-that-hides-a-snapshot"] = server("snapshot", "metadata/3.snapshot.json", kind="status", status=403)


@defect("timestamp")
def server_that_compresses_unasked(repository):
    repository.advance()
    repository.files["metadata/timestamp.json"] = gzip.compress(repository.files["metadata/timestamp.json"])
    repository.answers["metadata/timestamp.json"] = {"kind": "headers", "headers": {"Content-Encoding": "gzip"}}


# what is unusual, and allowed

PECULIARITIES = {}


def peculiar(target=TARGET):
    def keep(function):
        PECULIARITIES[function.__name__.replace("_", "-")] = (target, function)
        return function

    return keep


def peculiar_edits(stage, **functions):
    def one(edit):
        def make(repository):
            if stage == "root":
                repository.bump("root", edit)
            repository.advance(stage, edit)

        return make

    for name, edit in functions.items():
        PECULIARITIES[name.replace("_", "-")] = (TARGET, one(edit))


def unknown_key(signed):
    signed["keys"]["future"] = {"keytype": "future", "scheme": "future-1", "keyval": {"a": ["b", {"c": None}]}}
    signed["roles"]["timestamp"]["keyids"].append("future")


def damaged_key(signed):
    signed["keys"]["damaged"] = {**ROOT[0].object, "keyval": {"public": "no digits"}}
    signed["roles"]["root"]["keyids"].append("damaged")


peculiar_edits(
    "root",
    a_key_of_an_unknown_kind=unknown_key,
    a_key_that_is_damaged=damaged_key,
    a_key_that_no_role_uses=lambda signed: signed["keys"].update(table(STRANGERS[:1])),
    a_role_that_is_unknown=lambda signed: signed["roles"].update({"x-mirrors": role(STRANGERS[:1])}),
    a_specification_of_two_numbers=put("1.0", "spec_version"),
    members_that_are_unknown=lambda signed: (
        signed.update({"x-note": {"deep": [1, "\u00fc", None, True, "a \"quoted\" \\ \n line"]}}),
        signed["roles"]["root"].update({"x-period": 7}),
    ),
    keys_for_snapshot_and_timestamp_that_are_one=lambda signed: (
        signed["roles"]["timestamp"]["keyids"].append(SNAPSHOT.id),
    ),
)


def with_signatures(change):
    def make(repository):
        repository.advance()
        repository.resign("timestamp", change(repository.signature_of("timestamp", [TIMESTAMP])))

    return make


for good_name, good_change in {
    "an-empty-signature-beside-a-good-one": lambda good: [{"keyid": SNAPSHOT.id, "sig": ""}, *good],
    "a-signature-that-is-no-digits": lambda good: [{"keyid": SNAPSHOT.id, "sig": "none yet"}, *good],
    "a-signature-of-a-key-that-nobody-knows": lambda good: [{"keyid": "0" * 64, "sig": "00"}, *good],
    "a-signature-in-capitals": lambda good: [{**good[0], "sig": good[0]["sig"].upper()}],
    "a-signature-with-members-that-are-unknown": lambda good: [{**good[0], "x-time": moment(0)}],
}.items():
    PECULIARITIES[good_name] = (TARGET, with_signatures(good_change))


@peculiar()
def metadata_with_indentation_and_escapes(repository):
    repository.advance()
    document = json.loads(repository.files["metadata/timestamp.json"])
    indented = json.dumps(document, indent=4, ensure_ascii=True).replace("timestamp", "\\u0074imestamp", 1)
    repository.files["metadata/timestamp.json"] = indented.encode() + b"\n"


@peculiar("team/a b+c%2F#?&=;\u00fc.txt")
def a_target_with_an_unusual_name(repository):
    content = b"of an unusual name\n"
    entry = listed(content)
    name = "a b+c%2F#?&=;\u00fc.txt"
    repository.bodies["team"]["targets"][f"team/{name}"] = entry
    repository.files[f"targets/team/{entry['hashes']['sha256']}.{name}"] = content
    repository.advance()


@peculiar("team/empty")
def a_target_without_a_byte(repository):
    repository.add("team/empty", b"")
    repository.advance()


@peculiar()
def a_digest_of_an_unknown_kind_beside_a_known_one(repository):
    repository.advance()
    repository.bodies["team"]["targets"][TARGET]["hashes"]["blake9"] = "ff"
    repository.relist()


@peculiar("deep/file.txt")
def a_role_with_an_unusual_name(repository):
    name = "../r \u00fc?#%2F"
    delegation = {"name": name, **role(STRANGERS), "terminating": True, "paths": ["deep/*"]}
    repository.bodies["targets"]["delegations"]["keys"].update(table(STRANGERS))
    repository.bodies["targets"]["delegations"]["roles"].append(delegation)
    content = b"of a role of an unusual name\n"
    repository.bodies[name] = body("targets", targets={"deep/file.txt": listed(content)})
    repository.files[f"targets/deep/{hashlib.sha256(content).hexdigest()}.file.txt"] = content
    repository.signers[name] = STRANGERS
    repository.advance()
    served = text(document(repository.bodies[name], STRANGERS))
    repository.files["metadata/1." + urllib.parse.quote(name, safe="") + ".json"] = served
    repository.bodies["snapshot"]["meta"][f"{name}.json"] = {"version": 1}
    repository.relist()


@peculiar("binned/file.txt")
def a_role_by_hash_prefixes(repository):
    prefix = hashlib.sha256(b"binned/file.txt").hexdigest()[:3]
    bin_role = {"name": "bin", **role(STRANGERS), "terminating": False, "path_hash_prefixes": [prefix]}
    repository.bodies["targets"]["delegations"]["keys"].update(table(STRANGERS))
    repository.bodies["targets"]["delegations"]["roles"].append(bin_role)
    repository.bodies["bin"] = body("targets", targets={"binned/file.txt": listed(b"in a bin\n")})
    digest = hashlib.sha256(b"in a bin\n").hexdigest()
    repository.files[f"targets/binned/{digest}.file.txt"] = b"in a bin\n"
    repository.signers["bin"] = STRANGERS
    repository.write("bin")
    repository.advance()


def main():
    out = sys.argv[1]
    base = Repository()
    base.advance()
    base.save(os.path.join(out, "before"))
    with open(os.path.join(out, "trusted-root.json"), "wb") as file:
        file.write(base.files["metadata/1.root.json"])
    control = base.copied()
    control.bump("root")
    control.advance()
    control.save(os.path.join(out, "control"))
    recovered = control.copied()
    recovered.bump("root")
    recovered.advance()
    recovered.advance()
    recovered.save(os.path.join(out, "recovered"))
    recovered.bodies["root"]["keys"].update(table(STRANGERS[:2]))
    for name, key in zip(("timestamp", "snapshot"), STRANGERS):
        recovered.bodies["root"]["roles"][name] = role([key])
        recovered.signers[name] = [key]
    recovered.write("root")
    recovered.advance()
    recovered.save(os.path.join(out, "recovered-by-new-keys"))
    for name, (stage, target, spoil) in DEFECTS.items():
        repository = base.copied()
        spoil(repository)
        repository.save(os.path.join(out, name), target, stage)
        print("defect", name)
    for name, (target, make) in PECULIARITIES.items():
        repository = base.copied()
        make(repository)
        repository.save(os.path.join(out, name), target)
        print("peculiar", name)


if __name__ == "__main__":
    main()
