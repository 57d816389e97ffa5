"""Check the repository's Markdown: links to files and headings lead somewhere, shell blocks are shell.

Looks at every *.md that git knows, or is about to know; never at the network.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^ {0,3}(```+|~~~+) *(\S*)")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
REFERENCE = re.compile(r"^\[[^\]]+\]:\s+(\S+)")
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$")
SHELL = {"sh", "bash", "shell"}


def documents():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def anchor(heading):
    """The fragment that code hosts make of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def parse(path):
    """Links (line, target), anchors and shell blocks (line, text) of a document."""
    links, anchors, blocks = [], set(), []
    fence, language, start, block = None, "", 0, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        mark = FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2]:
                if language in SHELL:
                    blocks.append((start, "\n".join(block)))
                fence = None
            else:
                block.append(line)
            continue
        if mark:
            fence, language, start, block = mark[1], mark[2], number, []
            continue
        if heading := HEADING.match(line):
            name, count = anchor(heading[1]), 0
            while (name if not count else f"{name}-{count}") in anchors:
                count += 1
            anchors.add(name if not count else f"{name}-{count}")
        text = re.sub(r"`[^`]*`", "", line)
        links += [(number, target) for target in LINK.findall(text) + REFERENCE.findall(text)]
    if fence:
        links.append((start, "```"))
    return links, anchors, blocks


def problems(path, parsed):
    links, _, blocks = parsed[path]
    for number, target in links:
        if target == "```":
            yield number, "a code block is never closed"
            continue
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            yield number, f"link to {target}: no such file"
        elif fragment and file in parsed and fragment not in parsed[file][1]:
            yield number, f"link to {target}: no such heading"
    for number, text in blocks:
        checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        if checked.returncode != 0:
            yield number, f"not valid shell: {checked.stderr.strip().splitlines()[0]}"


def main():
    parsed = {path: parse(path) for path in documents()}
    found = 0
    for path in sorted(parsed):
        for number, problem in problems(path, parsed):
            found += 1
            print(f"{path.relative_to(ROOT)}:{number}: {problem}")
    if not parsed:
        print("no documents found")
    return 1 if found or not parsed else 0


if __name__ == "__main__":
    sys.exit(main())
