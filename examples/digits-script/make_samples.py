"""Make samples/ and requests/ from those of examples/digits, with the answers that src/score.py gives.

    python3 -m venv venv && venv/bin/pip install -r requirements.in
    venv/bin/python make_samples.py ../digits

Also copies the model: a project is a folder that needs nothing outside itself.
"""

import json
import os
import pathlib
import shutil
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is loaded: its wheels report home by default

HERE = pathlib.Path(__file__).resolve().parent


def rows_of(infer_request):
    """The images of an Open Inference Protocol request."""
    data = infer_request["inputs"][0]["data"]
    return [data[start : start + 64] for start in range(0, len(data), 64)]


def matrix(rows, indent) -> str:
    """One row a line; images with their eight lines below each other."""
    return (",\n" + indent).join(one_row(row, indent) for row in rows)


def one_row(row, indent) -> str:
    if len(row) != 64:
        return json.dumps(row)
    lines = [", ".join(f"{value:>2}" for value in row[start : start + 8]) for start in range(0, 64, 8)]
    return "[" + (",\n" + indent + " ").join(lines) + "]"


def request(rows, indent="") -> str:
    return f'{{"data": [\n{indent}  {matrix(rows, indent + "  ")}\n{indent}]}}'


def response(answer, indent="") -> str:
    scores = matrix(answer["probabilities"], indent + "  ")
    label = json.dumps(answer["label"])
    return f'{{"label": {label}, "probabilities": [\n{indent}  {scores}\n{indent}]}}'


def write(path, text):
    json.loads(text)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def main(source):
    (HERE / "model").mkdir(exist_ok=True)
    shutil.copyfile(source / "model" / "digits.onnx", HERE / "model" / "digits.onnx")

    os.environ["AZUREML_MODEL_DIR"] = str(HERE / "model")
    sys.path.append(str(HERE / "src"))
    sys.dont_write_bytecode = True
    import score

    score.init()
    for folder in ("samples", "requests"):
        for old in (HERE / folder).glob("*.json"):
            old.unlink()
    for path in sorted((source / "samples").glob("*.json")):
        rows = rows_of(json.loads(path.read_text())["request"])
        body = request(rows, "  ")
        reply = response(score.run(body), "  ")
        write(HERE / "samples" / path.name, f'{{\n  "request": {body},\n  "response": {reply}\n}}\n')
    for path in sorted((source / "requests").glob("*.json")):
        write(HERE / "requests" / path.name, request(rows_of(json.loads(path.read_text()))) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_samples.py PATH-OF-examples/digits")
    sys.exit(main(pathlib.Path(sys.argv[1])))
