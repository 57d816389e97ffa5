"""The usual way to put an ONNX model behind HTTP in Python: FastAPI, uvicorn and onnxruntime.

As fast as it is commonly written: an async handler (no thread pool), the body parsed once, no pydantic models.
"""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
app = FastAPI()


@app.post("/v2/models/digits/infer")
async def infer(request: Request):
    given = (await request.json())["inputs"][0]
    rows = np.asarray(given["data"], dtype=np.float32).reshape(given["shape"])
    label, probabilities = session.run(["label", "probabilities"], {"X": rows})
    return {
        "model_name": "digits",
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": label.shape, "data": label.tolist()},
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": probabilities.shape,
                "data": probabilities.ravel().tolist(),
            },
        ],
    }
