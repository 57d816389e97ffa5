"""Score 8x8 images of handwritten digits.

{"data": [[64 numbers], ...]} is answered with {"label": [...], "probabilities": [[10 numbers], ...]}.
"""

import json
import os

import numpy as np
import onnxruntime

session = None


def init():
    """Load the model. Called once, before the first request."""
    global session
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # 35,000 multiplications: a second thread would only add waiting
    path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "digits.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(data):
    """Answer one request. `data` is the request's body, as text."""
    rows = np.asarray(json.loads(data)["data"], dtype=np.float32)
    label, probabilities = session.run(["label", "probabilities"], {"X": rows})
    return {"label": label.tolist(), "probabilities": probabilities.tolist()}
