#!/usr/bin/env python3
"""Makes the models in this folder. Needs onnx, onnxruntime, numpy, scikit-learn and skl2onnx.

Made with onnx 1.23, onnxruntime 1.31.1, scikit-learn 1.9 and skl2onnx 1.20; gives the same bytes again, apart
from mlp.ort.
"""

import os
import pathlib

# Before onnxruntime is imported: its wheel sends telemetry.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

HERE = pathlib.Path(__file__).parent


def save(name, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="edge-fixtures")
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")
    return model


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def identity():
    """Every datatype of the protocol in and out, two columns, any number of rows."""
    kinds = {
        "BOOL": TensorProto.BOOL, "UINT8": TensorProto.UINT8, "UINT16": TensorProto.UINT16,
        "UINT32": TensorProto.UINT32, "UINT64": TensorProto.UINT64, "INT8": TensorProto.INT8,
        "INT16": TensorProto.INT16, "INT32": TensorProto.INT32, "INT64": TensorProto.INT64,
        "FP16": TensorProto.FLOAT16, "BF16": TensorProto.BFLOAT16, "FP32": TensorProto.FLOAT,
        "FP64": TensorProto.DOUBLE, "BYTES": TensorProto.STRING,
    }
    for name, kind in kinds.items():
        save(
            f"identity_{name.lower()}",
            [helper.make_node("Identity", ["input"], ["output"])],
            [tensor("input", kind, ["rows", 2])],
            [tensor("output", kind, ["rows", 2])],
        )


def mlp():
    """64 -> 16 -> 10 with softmax: what the digits example looks like, small."""
    random = np.random.default_rng(1)
    weights = {
        "w1": random.normal(size=(64, 16)), "b1": random.normal(size=(16,)),
        "w2": random.normal(size=(16, 10)), "b2": random.normal(size=(10,)),
    }
    initializers = [numpy_helper.from_array((0.1 * v).astype(np.float32), k) for k, v in weights.items()]
    nodes = [
        helper.make_node("Gemm", ["X", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
    ]
    model = save(
        "mlp", nodes,
        [tensor("X", TensorProto.FLOAT, ["batch", 64])],
        [tensor("label", TensorProto.INT64, ["batch"]), tensor("probabilities", TensorProto.FLOAT, ["batch", 10])],
        initializers,
    )
    # The weights of the same model in a file beside it.
    (HERE / "external.weights").unlink(missing_ok=True)
    onnx.save(
        model, HERE / "external.onnx", save_as_external_data=True, location="external.weights", size_threshold=0,
    )
    os.chmod(HERE / "external.weights", 0o644)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(HERE / "mlp.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(HERE / "mlp.onnx"), options)


def zipmap():
    """Classifiers whose second output is a sequence of maps from class to probability."""
    data = load_iris()
    for name, labels in (("strings", data.target_names[data.target]), ("integers", data.target)):
        classifier = LogisticRegression(max_iter=200).fit(data.data, labels)
        model = to_onnx(classifier, data.data[:1].astype(np.float32), target_opset={"": 17, "ai.onnx.ml": 3})
        onnx.save(model, HERE / f"zipmap_{name}.onnx")


def sequence():
    """A tensor and a sequence of tensors as outputs; the second can't be served."""
    save(
        "sequence",
        [
            helper.make_node("SplitToSequence", ["input"], ["parts"], axis=0),
            helper.make_node("Identity", ["input"], ["whole"]),
        ],
        [tensor("input", TensorProto.FLOAT, [2, 3])],
        [
            tensor("whole", TensorProto.FLOAT, [2, 3]),
            helper.make_tensor_sequence_value_info("parts", TensorProto.FLOAT, None),
        ],
    )


def endless():
    """Counts to `trips`: with a large number, a run that only cancelling ends."""
    body = helper.make_graph(
        [helper.make_node("Add", ["count", "one"], ["next"]), helper.make_node("Identity", ["go"], ["go_on"])],
        "body",
        [
            tensor("trip", TensorProto.INT64, []), tensor("go", TensorProto.BOOL, []),
            tensor("count", TensorProto.INT64, []),
        ],
        [tensor("go_on", TensorProto.BOOL, []), tensor("next", TensorProto.INT64, [])],
        [numpy_helper.from_array(np.array(1, np.int64), "one")],
    )
    save(
        "endless",
        [helper.make_node("Loop", ["trips", "", "start"], ["counted"], body=body)],
        [tensor("trips", TensorProto.INT64, [])],
        [tensor("counted", TensorProto.INT64, [])],
        [numpy_helper.from_array(np.array(0, np.int64), "start")],
    )


def two_inputs():
    """Sum of two inputs that share a batch dimension."""
    save(
        "sum",
        [helper.make_node("Add", ["left", "right"], ["sum"])],
        [tensor("left", TensorProto.FLOAT, ["batch", 2]), tensor("right", TensorProto.FLOAT, ["batch", 2])],
        [tensor("sum", TensorProto.FLOAT, ["batch", 2])],
    )


for make in (identity, mlp, zipmap, sequence, endless, two_inputs):
    make()
