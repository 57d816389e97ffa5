"""Check that the example projects are whole: samples and requests are what they claim, and the two models are one.

Reads files only; that the packager takes the projects is for the end-to-end tests.
"""

import ast
import json
import math
import pathlib
import sys

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
DATATYPES = {"FP32": float, "INT64": int}


def tensors(values, where):
    for tensor in values:
        size = math.prod(tensor["shape"])
        kind = DATATYPES[tensor["datatype"]]
        if len(tensor["data"]) != size:
            raise ValueError(f"{where} {tensor['name']}: shape {tensor['shape']}, {len(tensor['data'])} values")
        if not all(isinstance(value, (int, kind)) for value in tensor["data"]):
            raise ValueError(f"{where} {tensor['name']}: a value is not {tensor['datatype']}")
    return {tensor["name"]: tensor for tensor in values}


def check_infer(request, response=None):
    """Bodies of the Open Inference Protocol."""
    given = tensors(request["inputs"], "input")["X"]
    if response is not None:
        found = tensors(response["outputs"], "output")
        count = given["shape"][0]
        if (found["label"]["shape"], found["probabilities"]["shape"]) != ([count], [count, 10]):
            raise ValueError("the outputs' shapes do not fit the input's")


def check_score(request, response=None):
    """Bodies of examples/digits-script."""
    if any(len(row) != 64 for row in request["data"]):
        raise ValueError("a row has not 64 numbers")
    if response is not None and not len(request["data"]) == len(response["label"]) == len(response["probabilities"]):
        raise ValueError("as many labels and rows of probabilities as rows are expected")


def check_project(folder, check):
    samples, requests = sorted(folder.glob("samples/*.json")), sorted(folder.glob("requests/*.json"))
    if not samples or not requests:
        yield folder, "has no samples or no requests"
    for path in samples + requests:
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            if path.parent.name == "samples":
                check(value["request"], value["response"])
            else:
                check(value)
        except (KeyError, TypeError, ValueError) as error:
            yield path, f"{type(error).__name__}: {error}"


def check_python():
    for path in sorted(EXAMPLES.glob("*/**/*.py")):
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path))
        except SyntaxError as error:
            yield path, str(error)


def findings():
    native, script = EXAMPLES / "digits", EXAMPLES / "digits-script"
    yield from check_project(native, check_infer)
    yield from check_project(script, check_score)
    yield from check_python()
    if (native / "model/digits.onnx").read_bytes() != (script / "model/digits.onnx").read_bytes():
        yield script / "model/digits.onnx", "is another model than examples/digits has; run make_samples.py"


def main():
    found = [f"{path.relative_to(EXAMPLES.parent)}: {problem}" for path, problem in findings()]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
