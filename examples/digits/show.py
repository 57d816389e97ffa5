#!/usr/bin/env python3
"""Draw what was asked and what was answered: the digit, and beside it the ten probabilities.

    curl -s --json @requests/seven.json http://127.0.0.1:8080/v2/models/digits/infer | ./show.py requests/seven.json
    ./show.py requests/seven.json answer.json

Reads the request and the answer of the Open Inference Protocol ({"inputs": ...}, {"outputs": ...}) as well as those of
/score ({"data": ...}, {"label": ..., "probabilities": ...}). Needs Python 3.9 and nothing else. Exit code: 0 drawn,
1 the answer is not what --expect says or is no answer, 64 usage, 65 not JSON or not of that form, 66 no such file.
"""

import argparse
import json
import os
import sys

SIDE = 8
PIXELS = SIDE * SIDE
BRIGHTEST = 16  # the data set counts ink from 0 to 16
BAR_WIDTH = 36

USAGE, DATA, NO_INPUT = 64, 65, 66


class Unusable(Exception):
    """A file that can't be drawn, with the exit code that says why."""

    def __init__(self, message, code=DATA):
        super().__init__(message)
        self.code = code


class Style:
    """How a picture is put on this terminal: in colour or not, in Unicode or not."""

    def __init__(self, colour, unicode):
        self.colour = colour
        self.shades = " ░▒▓█" if unicode else " .+*#"
        self.eighths = " ▏▎▍▌▋▊▉█" if unicode else "        #"
        self.corners = "┌┐└┘" if unicode else "++++"
        self.edge, self.side = ("─", "│") if unicode else ("-", "|")
        self.mark = "◀" if unicode else "<"
        self.rest = "·" if unicode else "."

    def paint(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def pixel(self, ink):
        """One pixel, two columns wide, since a terminal's cells are twice as high as wide."""
        part = min(max(ink / BRIGHTEST, 0), 1)
        if self.colour:
            return f"\x1b[48;5;{232 + round(part * 23)}m  \x1b[0m"
        return self.shades[round(part * (len(self.shades) - 1))] * 2

    def bar(self, part):
        """A bar of at most BAR_WIDTH columns, to an eighth of a column."""
        eighths = round(min(max(part, 0), 1) * BAR_WIDTH * 8)
        full, rest = divmod(eighths, 8)
        text = self.eighths[8] * full + (self.eighths[rest] if rest else "")
        return text.rstrip().ljust(BAR_WIDTH)


def flat(values):
    """The numbers of a list that may be nested, in order."""
    for value in values:
        if isinstance(value, list):
            yield from flat(value)
        else:
            yield value


def rows(values, width, what):
    numbers = list(flat(values))
    if not numbers or len(numbers) % width or not all(isinstance(value, (int, float)) for value in numbers):
        raise Unusable(f"{what}: expected rows of {width} numbers, found {len(numbers)} values")
    return [numbers[start : start + width] for start in range(0, len(numbers), width)]


def images_of(request):
    inputs = request.get("inputs")
    data = inputs[0].get("data") if inputs else request.get("data")
    if not isinstance(data, list):
        raise Unusable('request: neither "inputs" nor "data" holds an image')
    return rows(data, PIXELS, "request")


def scores_of(answer):
    """Labels and probabilities per image."""
    for key in ("error", "message"):
        if key in answer:
            raise Unusable(f"the server answered with an error: {answer[key]}", code=1)
    found = {output["name"]: output["data"] for output in answer.get("outputs", [])} or answer
    if "label" not in found or "probabilities" not in found:
        raise Unusable('answer: "label" or "probabilities" is missing')
    return list(flat(found["label"])), rows(found["probabilities"], 10, "answer")


def draw(image, label, scores, style):
    """Ten lines: the framed digit and one bar per class."""
    corners, edge = style.corners, style.edge * (2 * SIDE)
    picture = [corners[0] + edge + corners[1]]
    for start in range(0, PIXELS, SIDE):
        line = "".join(style.pixel(ink) for ink in image[start : start + SIDE])
        picture.append(style.side + line + style.side)
    picture.append(corners[2] + edge + corners[3])
    for digit, (line, score) in enumerate(zip(picture, scores)):
        won = digit == label
        name = style.paint("1", digit) if won else str(digit)
        bar = style.bar(score)
        bar = style.paint("32", bar) if won else style.paint("2", bar)
        percent = f"{100 * score:5.1f} %"
        end = style.paint("1", f"{percent} {style.mark}") if won else percent
        yield f"  {line}   {name} {bar} {end}".rstrip()


def show(request, answer, style, expected):
    images = images_of(request)
    labels, scores = scores_of(answer)
    if not len(images) == len(labels) == len(scores):
        raise Unusable(f"{len(images)} images, but {len(labels)} labels and {len(scores)} rows of probabilities")
    origin = f", {answer['model_name']}" if "model_name" in answer else ""
    if "model_version" in answer:
        origin += f" version {answer['model_version']}"
    for image, label, row in zip(images, labels, scores):
        print()
        for line in draw(image, label, row, style):
            print(line)
        score = row[label] if isinstance(label, int) and 0 <= label < 10 else 0
        article = "an" if label == 8 else "a"
        verdict = f"{'It is' if score >= 0.5 else 'It may be'} {article} {label}"
        print(f"\n  {style.paint('1', verdict)} ({100 * score:.1f} %{origin})")
    if expected is not None and [str(label) for label in labels] != expected:
        raise Unusable(f"expected {', '.join(expected)}, the answer is {', '.join(map(str, labels))}", code=1)


def read(path):
    try:
        if path == "-":
            text = sys.stdin.read()
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        value = json.loads(text)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}", NO_INPUT) from error
    except ValueError as error:
        name = "standard input" if path == "-" else path
        raise Unusable(f"{name}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Unusable(f"{path}: not a JSON object")
    return value


def encodes_blocks():
    try:
        "░█▏◀┌".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def parse(arguments):
    parser = argparse.ArgumentParser(description="Draw a digit and the ten probabilities that a model gave for it.")
    parser.add_argument("request", help="file with the JSON that was sent")
    parser.add_argument("answer", nargs="?", default="-", help="file with the JSON that came back (default: stdin)")
    parser.add_argument("--expect", metavar="LABELS", help="fail unless these labels were answered, such as 7 or 1,4,8")
    parser.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    parser.error = lambda message: parser.exit(USAGE, f"error: {message}\nhint: show.py --help\n")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    colour = options.color == "always" or (options.color == "auto" and wanted)
    style = Style(colour, encodes_blocks())
    expected = options.expect.split(",") if options.expect is not None else None
    try:
        show(read(options.request), read(options.answer), style, expected)
    except Unusable as problem:
        sys.stdout.flush()
        print(f"error: {problem}", file=sys.stderr)
        return problem.code
    except (AttributeError, IndexError, KeyError, TypeError) as problem:
        print(f"error: the request or the answer has another form: {problem!r}", file=sys.stderr)
        return DATA
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
