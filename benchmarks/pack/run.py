"""Measure packing and unpacking beside tar and zstd, on one tree of some 160 MB.

    run.py --edgepack PATH [--pairs N] [--tree DIR]

Pairs of runs, in turn: `edgepack build` and `edgepack sign` beside `tar | zstd -3 -T2`, then `edgepack extract` beside
`tar --zstd -xf` of the same signed file. Writes RESULTS.md and results.json beside this file; README.md one folder up
tells the method. Everything happens in a temporary folder; only making the tree may need the network, once.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ROOT / ".tools"
RANDOM_BYTES = 40_000_000  # stands for weights: incompressible
PACKAGES = ("numpy", "numpy.libs", "onnxruntime")  # stands for an environment: libraries and many small files

SCORE = """def init():
    pass


def run(data):
    return data
"""
PROJECT = """name: heavy
version: "1"
model:
  path: tree
code_configuration:
  code: src
  scoring_script: score.py
environment:
  python: "3.11"
  requirements: requirements.in
devices: [generic-{architecture}]
"""


class Failure(Exception):
    """Something that makes the run useless, said to the user as it is."""


def make_tree(target):
    """Numpy and ONNX Runtime as their wheels unpack, and 40 MB of random bytes that are the same every time."""
    requirements = TOOLS / "venv/lib"
    for site in requirements.glob("python3*/site-packages"):
        for name in PACKAGES:
            shutil.copytree(site / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    if not target.exists():
        raise Failure(f"no packages in {requirements}; run scripts/setup --tests first")
    generator = random.Random(1)
    with open(target / "weights.bin", "wb") as file:
        for _ in range(RANDOM_BYTES // 1_000_000):
            file.write(generator.randbytes(1_000_000))


def make_project(folder, tree):
    (folder / "src").mkdir(parents=True)
    (folder / "src/score.py").write_text(SCORE)
    (folder / "requirements.in").write_text("")
    (folder / "bundle.yaml").write_text(PROJECT.format(architecture=platform.machine().replace("arm64", "aarch64")))
    os.rename(tree, folder / "tree")
    return folder / "tree"


def build_measure():
    target = TOOLS / "bench-measure"
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        raise Failure("no C compiler in PATH; on Debian: apt-get install gcc libc6-dev")
    subprocess.run([compiler, "-O2", "-o", target, HERE / "measure.c"], check=True)
    return target


def timed(command, folder):
    """Wall seconds, processor seconds and peak resident memory (MiB, of the largest process) of a command."""
    os.sync()
    numbers = folder / "measured"
    done = subprocess.run(
        [TOOLS / "bench-measure", numbers, *command],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )
    if done.returncode != 0:
        command = " ".join(str(part) for part in command)
        raise Failure(f"exit code {done.returncode} from {command}:\n{done.stdout}{done.stderr}")
    wall, cpu, memory = numbers.read_text().split()
    return {"wall_s": float(wall), "cpu_s": float(cpu), "rss_mib": int(memory) / 1024}


def together(*parts):
    """Commands one after the other, as one measurement."""
    return {
        "wall_s": sum(part["wall_s"] for part in parts),
        "cpu_s": sum(part["cpu_s"] for part in parts),
        "rss_mib": max(part["rss_mib"] for part in parts),
    }


def empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def only_bundle(folder):
    (bundle,) = folder.glob("*.bundle.tar.zst")
    return bundle


class Bench:
    """The four things that are measured, each in a fresh output folder."""

    def __init__(self, edgepack, work, tree):
        self.edgepack, self.work, self.tree = edgepack, work, tree
        self.out, self.target = work / "out", work / "target"

    def pack_ours(self):
        empty(self.out)
        build = timed([self.edgepack, "build", self.work / "project", "-o", self.out], self.work)
        sign = timed([self.edgepack, "sign", "--key", self.work / "key.pem", only_bundle(self.out)], self.work)
        shutil.copyfile(only_bundle(self.out), self.work / "signed.bundle.tar.zst")
        return together(build, sign)

    def pack_tar(self):
        empty(self.out)
        pipe = 'set -o pipefail; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1" -cf - . ' \
            '| zstd -q -3 -T2 -o "$2"'
        return timed(["bash", "-c", pipe, "bash", self.tree, self.out / "tree.tar.zst"], self.work)

    def extract_ours(self):
        shutil.rmtree(self.target, ignore_errors=True)
        return timed([self.edgepack, "extract", self.work / "signed.bundle.tar.zst", self.target], self.work)

    def extract_tar(self):
        empty(self.target)
        return timed(["tar", "--zstd", "-xf", self.work / "signed.bundle.tar.zst", "-C", self.target], self.work)


def in_pairs(first, second, pairs):
    """Both `pairs` times, taking turns in going first; one run of each before that does not count."""
    first(), second()
    found = [], []
    for number in range(pairs):
        order = ((0, first), (1, second)) if number % 2 == 0 else ((1, second), (0, first))
        for place, body in order:
            found[place].append(body())
    return found


def tree_size(tree):
    sizes = [path.stat().st_size for path in tree.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def run(options):
    build_measure()
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        work = pathlib.Path(folder)
        if options.tree:
            shutil.copytree(options.tree, work / "tree")
        else:
            make_tree(work / "tree")
        tree = make_project(work / "project", work / "tree")
        timed([options.edgepack, "key", "generate", "--out", work / "key.pem"], work)
        timed([options.edgepack, "lock", work / "project"], work)
        files, size = tree_size(tree)
        bench = Bench(options.edgepack, work, tree)
        pack = in_pairs(bench.pack_ours, bench.pack_tar, options.pairs)
        extract = in_pairs(bench.extract_ours, bench.extract_tar, options.pairs)
        return {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "architecture": platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "pairs": options.pairs,
            "files": files,
            "bytes": size,
            "bundle_bytes": (work / "signed.bundle.tar.zst").stat().st_size,
            "rows": {
                "edgepack build + sign": pack[0],
                "tar --sort=name \\| zstd -3 -T2": pack[1],
                "edgepack extract": extract[0],
                "tar --zstd -xf, the same file": extract[1],
            },
        }


def spread(rows, key, digits):
    numbers = [row[key] for row in rows]
    return f"{statistics.median(numbers):.{digits}f} ({min(numbers):.{digits}f}–{max(numbers):.{digits}f})"


def paired_ratio(first, second):
    """Median of the pairs' ratios: what disturbs the machine disturbs both halves of a pair."""
    return statistics.median(one["wall_s"] / other["wall_s"] for one, other in zip(first, second))


def markdown(found):
    rows = list(found["rows"].items())
    pack, extract = (paired_ratio(rows[index][1], rows[index + 1][1]) for index in (0, 2))
    lines = [
        "# Packing and unpacking: results",
        "",
        f"Written by `run.py` on {found['date']}; the method is in [../README.md](../README.md).",
        "",
        f"Tree: {found['files']:,} files, {found['bytes'] / 1e6:.1f} MB; the signed bundle has "
        f"{found['bundle_bytes'] / 1e6:.1f} MB.",
        f"{found['cores']} cores, {found['architecture']}, {found['pairs']} pairs.",
        "Medians (smallest–largest).",
        "",
        "| command | wall s | processor s | peak RSS MiB |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {spread(row, 'wall_s', 2)} | {spread(row, 'cpu_s', 2)} | {spread(row, 'rss_mib', 1)} |"
            for name, row in rows
        ),
        "",
        "| comparison | ratio of wall time | bar |",
        "|---|---|---|",
        f"| pack and sign, to tar and zstd | {pack:.2f} | 1.1, and 64 MiB |",
        f"| verify and extract, to tar of the same file | {extract:.2f} | 1.0, and 16 MiB |",
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Measure edgepack beside tar and zstd.")
    parser.add_argument("--edgepack", type=pathlib.Path, required=True, help="the program to measure")
    parser.add_argument("--pairs", type=int, default=7, help="paired runs per comparison (default 7)")
    parser.add_argument("--tree", type=pathlib.Path, help="pack a copy of this folder instead of the usual tree")
    parser.add_argument("--work", type=pathlib.Path, help="folder to work in (default: the system's temporary one)")
    options = parser.parse_args()
    options.edgepack = options.edgepack.resolve(strict=True)
    try:
        found = run(options)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    (HERE / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    text = markdown(found)
    (HERE / "RESULTS.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
