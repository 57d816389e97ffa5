"""Compare two folders: the same paths, kinds, permission bits and bytes.

    compare_trees.py A B

Prints every difference, one a line, and how much was compared. Exit code 1 when anything differs.
"""

import os
import pathlib
import stat
import sys

CHUNK = 1 << 20


def entries(root):
    """Path below root -> stat, of everything; a link is not followed."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = pathlib.Path(folder, name)
            found[path.relative_to(root).as_posix()] = path.lstat()
    return found


def kind(info):
    for name, test in (("file", stat.S_ISREG), ("folder", stat.S_ISDIR), ("symbolic link", stat.S_ISLNK)):
        if test(info.st_mode):
            return name
    return "special file"


def first_difference(first, second):
    """Offset of the first byte that differs, or None."""
    offset = 0
    with open(first, "rb") as a, open(second, "rb") as b:
        while True:
            left, right = a.read(CHUNK), b.read(CHUNK)
            if left != right:
                same = next((i for i, (x, y) in enumerate(zip(left, right)) if x != y), min(len(left), len(right)))
                return offset + same
            if not left:
                return None
            offset += len(left)


def differences(a, b):
    left, right = entries(a), entries(b)
    for path in sorted(left.keys() - right.keys()):
        yield f"only in {a}: {path}"
    for path in sorted(right.keys() - left.keys()):
        yield f"only in {b}: {path}"
    for path in sorted(left.keys() & right.keys()):
        one, other = left[path], right[path]
        if kind(one) != kind(other):
            yield f"{path}: {kind(one)} in {a}, {kind(other)} in {b}"
            continue
        # A folder's mode is the extractor's choice: an archive of regular files says nothing of folders.
        if kind(one) == "file" and stat.S_IMODE(one.st_mode) != stat.S_IMODE(other.st_mode):
            yield f"{path}: mode {stat.S_IMODE(one.st_mode):04o} in {a}, {stat.S_IMODE(other.st_mode):04o} in {b}"
        if kind(one) == "file":
            offset = first_difference(a / path, b / path)
            if offset is not None:
                yield f"{path}: bytes differ from offset {offset} ({one.st_size} and {other.st_size} bytes)"
        if kind(one) == "symbolic link" and os.readlink(a / path) != os.readlink(b / path):
            yield f"{path}: links to {os.readlink(a / path)} in {a}, to {os.readlink(b / path)} in {b}"


def main(arguments):
    if len(arguments) != 2:
        print("usage: compare_trees.py A B", file=sys.stderr)
        return 64
    a, b = (pathlib.Path(argument) for argument in arguments)
    for root in (a, b):
        if not root.is_dir():
            print(f"error: {root}: no such folder", file=sys.stderr)
            return 66
    count = sum(kind(info) == "file" for info in entries(a).values())
    if count == 0:
        print(f"error: {a}: holds no files, so there is nothing to compare", file=sys.stderr)
        return 1
    found = list(differences(a, b))
    for line in found:
        print(line)
    print(f"{count} files compared, {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
