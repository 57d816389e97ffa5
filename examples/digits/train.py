"""Train the digits classifier and write what the bundle is made of.

    python3 -m venv venv && venv/bin/pip install -r requirements-train.txt
    OPENBLAS_NUM_THREADS=1 venv/bin/python train.py
    OPENBLAS_NUM_THREADS=1 venv/bin/python train.py --worse ../digits-worse

Writes model/digits.onnx, samples/*.json (conformance samples: a request with the answer that ONNX Runtime gave here),
requests/*.json (bodies to send with curl) and acceptance.jsonl (labelled images, the same whatever the model is), and
prints the figures that README.md quotes. With --worse it writes model and samples of a small model that has seen few
images, into that folder: a bundle whose samples come out as they should on every box, and that is no good.

The same machine and the same versions give the same bytes. Another CPU rounds differently while training, and gives a
model that is a little different and just as good.
"""

import json
import os
import pathlib
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is loaded: its wheels report home by default

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
SEED = 20
HELD_OUT = 360  # images never trained on: a fifth of the 1,797
OPSET = {"": 17, "ai.onnx.ml": 3}  # old enough for any ONNX Runtime in use

EASY_PER_DIGIT = 1
HARD = 8
BATCH = 5
ACCEPTED_PER_DIGIT = 15

# What makes the worse model: the images of each digit that it is trained on, and its one hidden layer.
FEW = 4
SMALL = 8


def train(worse=False):
    images, digits = load_digits(return_X_y=True)
    fit_x, test_x, fit_y, test_y = train_test_split(
        images.astype(np.float32), digits, test_size=HELD_OUT, random_state=SEED, stratify=digits
    )
    if worse:
        few = [int(index) for digit in range(10) for index in np.flatnonzero(fit_y == digit)[:FEW]]
        fit_x, fit_y = fit_x[few], fit_y[few]
    layers = (SMALL,) if worse else (128, 64)
    classifier = MLPClassifier(hidden_layer_sizes=layers, max_iter=400, random_state=SEED)
    pipeline = make_pipeline(StandardScaler(), classifier).fit(fit_x, fit_y)
    return pipeline, test_x, test_y


def export(pipeline) -> bytes:
    """The pipeline as ONNX: X float32[N, 64] -> label int64[N], probabilities float32[N, 10]."""
    model = to_onnx(
        pipeline,
        initial_types=[("X", FloatTensorType([None, 64]))],
        options={id(pipeline): {"zipmap": False}},  # plain tensors instead of one dictionary per row
        target_opset=OPSET,
        name="digits",
    )
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    return model.SerializeToString(deterministic=True)


def infer(session, rows):
    label, probabilities = session.run(["label", "probabilities"], {"X": rows})
    return label, probabilities


def number(value) -> str:
    """The shortest decimal that reads back as the same float32."""
    text = str(np.float32(value))
    return text.removesuffix(".0")


def tensor(name, datatype, shape, lines, indent) -> str:
    data = (",\n" + indent + "  ").join(lines)
    head = f'{indent}{{"name": "{name}", "datatype": "{datatype}", "shape": {json.dumps(shape)}, "data": [\n'
    return f"{head}{indent}  {data}\n{indent}]}}"


def image_lines(rows):
    """Eight numbers a line, so that the digit can be made out in the file."""
    cells = [[f"{number(value):>2}" for value in line] for row in rows for line in row.reshape(8, 8)]
    return [", ".join(line) for line in cells]


def request(rows, indent="") -> str:
    x = tensor("X", "FP32", [len(rows), 64], image_lines(rows), indent + "  ")
    return f'{{"inputs": [\n{x}\n{indent}]}}'


def answer(label, probabilities, indent="") -> str:
    count = len(label)
    labels = tensor("label", "INT64", [count], [", ".join(str(int(value)) for value in label)], indent + "  ")
    lines = [", ".join(number(value) for value in row) for row in probabilities]
    scores = tensor("probabilities", "FP32", [count, 10], lines, indent + "  ")
    return f'{{"outputs": [\n{labels},\n{scores}\n{indent}]}}'


def write_sample(folder, name, session, rows):
    body = request(rows, indent="  ").strip()
    reply = answer(*infer(session, rows), indent="  ")
    write(folder / "samples" / f"{name}.json", f'{{\n  "request": {body},\n  "response": {reply}\n}}\n')


def write(path, text):
    json.loads(text)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def write_acceptance(rows, digits):
    """Labelled images for `edgeruntime check --data`, one a line: the first of each digit, in the order of the set."""
    chosen = sorted(int(index) for digit in range(10) for index in np.flatnonzero(digits == digit)[:ACCEPTED_PER_DIGIT])
    lines = []
    for index in chosen:
        data = ",".join(number(value) for value in rows[index])
        tensor = f'{{"name":"X","datatype":"FP32","shape":[1,64],"data":[{data}]}}'
        lines.append(f'{{"inputs":[{tensor}],"label":{digits[index]}}}\n')
    (HERE / "acceptance.jsonl").write_text("".join(lines))
    return chosen


def margins(probabilities):
    """How far the best score is ahead of the second best, per row."""
    ordered = np.sort(probabilities, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def main(worse=None):
    folder = worse or HERE
    pipeline, test_x, test_y = train(worse is not None)
    (folder / "model").mkdir(exist_ok=True)
    model = export(pipeline)
    (folder / "model" / "digits.onnx").write_bytes(model)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    label, probabilities = infer(session, test_x)
    margin = margins(probabilities)
    right = label == test_y

    for name in ["samples"] if worse else ["samples", "requests"]:
        for old in (folder / name).glob("*.json"):
            old.unlink()
    if worse:
        # One image of each digit: nothing in them tells that the model is worse.
        for digit in range(10):
            write_sample(folder, f"digit-{digit}", session, test_x[np.flatnonzero(test_y == digit)[:1]])
        print(f"trained on {10 * FEW}, accuracy on the {HELD_OUT} held-out images: {right.mean():.4f}")
        print(f"{folder}/model/digits.onnx: {len(model)} bytes")
        return

    # Conformance samples: each digit once, what the model finds hardest (its errors among them), and one batch.
    easy = [int(index) for digit in range(10) for index in np.flatnonzero(right & (test_y == digit))[:EASY_PER_DIGIT]]
    hard = [int(index) for index in np.argsort(margin, kind="stable") if int(index) not in easy][:HARD]
    for index in easy:
        write_sample(folder, f"digit-{test_y[index]}", session, test_x[[index]])
    for rank, index in enumerate(hard, start=1):
        outcome = "right" if right[index] else f"taken-for-{label[index]}"
        write_sample(folder, f"hard-{rank}-{test_y[index]}-{outcome}", session, test_x[[index]])
    write_sample(folder, f"batch-of-{BATCH}", session, test_x[hard[-1:] + easy[: BATCH - 1]])
    # Nothing from the test set looks like a dead sensor; an answer to it must not differ between boxes either.
    write_sample(folder, "blank", session, np.zeros((1, 64), np.float32))

    write(HERE / "requests" / "seven.json", request(test_x[[easy[7]]]) + "\n")
    write(HERE / "requests" / "hard.json", request(test_x[[hard[1]]]) + "\n")
    write(HERE / "requests" / "ten.json", request(test_x[easy]) + "\n")
    accepted = write_acceptance(test_x, test_y)

    wrong = np.flatnonzero(~right)
    print(f"trained on {1797 - HELD_OUT}, held out {HELD_OUT}")
    print(f"accuracy on the held-out images: {right.mean():.4f} ({len(wrong)} wrong)")
    print(f"accuracy on acceptance.jsonl: {right[accepted].mean():.4f} of {len(accepted)}")
    print(f"scikit-learn and ONNX Runtime agree on {np.sum(pipeline.predict(test_x) == label)} of {HELD_OUT}")
    largest = np.abs(pipeline.predict_proba(test_x) - probabilities).max()
    print(f"largest difference between their probabilities: {largest:.1e}")
    errors = [(int(test_y[i]), int(label[i]), round(float(probabilities[i].max()), 3)) for i in wrong]
    print("wrong (is, taken for, score):", errors)
    print("smallest margins:", [round(float(margin[i]), 3) for i in hard])
    print("recall per digit:", np.round(np.diag(confusion_matrix(test_y, label, normalize="true")), 3).tolist())
    print(f"model/digits.onnx: {len(model)} bytes")


if __name__ == "__main__":
    if sys.argv[1:2] not in ([], ["--worse"]) or len(sys.argv) not in (1, 3):
        sys.exit("usage: train.py [--worse FOLDER]")
    sys.exit(main(pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else None))
