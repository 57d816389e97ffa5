#!/usr/bin/env python3
"""Makes the small model files in this folder, each named by what it shows. The same versions give the same bytes.

    python3 -m venv venv && venv/bin/pip install onnx==1.23.2 numpy safetensors==0.8.0 && venv/bin/python make.py
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent


def save(name, graph, ir_version=9, opsets=(("", 17),), functions=()):
    model = helper.make_model(
        graph,
        ir_version=ir_version,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets],
        functions=list(functions),
        producer_name="make.py",
    )
    (HERE / name).write_bytes(model.SerializeToString(deterministic=True))


def value(name, element_type, shape):
    return helper.make_tensor_value_info(name, element_type, shape)


def array(name, *shape):
    return numpy_helper.from_array(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), name)


def external(name, location, offset=None, length=None, shape=(4,)):
    tensor = T(name=name, data_type=T.FLOAT, dims=shape, data_location=T.EXTERNAL)
    for key, text in [("location", location), ("offset", offset), ("length", length)]:
        if text is not None:
            tensor.external_data.add(key=key, value=str(text))
    return tensor


def linear(initializers, inputs=()):
    nodes = [helper.make_node("MatMul", ["x", "weights"], ["z"]), helper.make_node("Add", ["z", "bias"], ["y"])]
    return helper.make_graph(
        nodes,
        "linear",
        [value("x", T.FLOAT, ["batch", 4]), *inputs],
        [value("y", T.FLOAT, ["batch", 3])],
        initializers,
    )


def make_interfaces():
    save("linear.onnx", linear([array("weights", 4, 3), array("bias", 3)]))
    listed = [value("weights", T.FLOAT, [4, 3]), value("bias", T.FLOAT, [3])]
    save("ir3-initializers-as-inputs.onnx", linear([array("weights", 4, 3), array("bias", 3)], listed), 3, (("", 8),))

    types = [kind for kind in sorted(T.DataType.values()) if kind != T.UNDEFINED]
    values = [value(T.DataType.Name(kind), kind, [1]) for kind in types]
    outputs = [value("out_" + T.DataType.Name(kind), kind, [1]) for kind in types]
    nodes = [helper.make_node("Identity", [a.name], [b.name]) for a, b in zip(values, outputs)]
    save("every-type.onnx", helper.make_graph(nodes, "types", values, outputs), 14, (("", 26),))

    shapes = {"fixed": [1, 28, 28], "symbol": ["batch", 3], "open": [None, 3], "scalar": [], "unranked": None,
              "negative": [-1, 2], "empty": [0]}
    values = [value(name, T.FLOAT, shape) for name, shape in shapes.items()]
    outputs = [value("out_" + name, T.FLOAT, shape) for name, shape in shapes.items()]
    nodes = [helper.make_node("Identity", [a.name], [b.name]) for a, b in zip(values, outputs)]
    save("every-shape.onnx", helper.make_graph(nodes, "shapes", values, outputs))

    tensor = helper.make_tensor_type_proto(T.FLOAT, ["n"])
    mapping = helper.make_map_type_proto(T.INT64, helper.make_tensor_type_proto(T.FLOAT, []))
    containers = {
        "sequence": helper.make_sequence_type_proto(tensor),
        "map": mapping,
        "probabilities": helper.make_sequence_type_proto(mapping),
        "optional": helper.make_optional_type_proto(tensor),
        "sparse": helper.make_sparse_tensor_type_proto(T.DOUBLE, [2, 2]),
    }
    values = [helper.make_value_info(name, kind) for name, kind in containers.items()]
    outputs = [helper.make_value_info("out_" + name, kind) for name, kind in containers.items()]
    nodes = [helper.make_node("Identity", [a.name], [b.name]) for a, b in zip(values, outputs)]
    save("containers.onnx", helper.make_graph(nodes, "containers", values, outputs), 9, (("", 17), ("ai.onnx.ml", 3)))

    indices = numpy_helper.from_array(np.array([1], dtype=np.int64), "indices")
    sparse = helper.make_sparse_tensor(numpy_helper.from_array(np.ones(1, dtype=np.float32), "bias"), indices, [3])
    graph = linear([array("weights", 4, 3)], [value("bias", T.FLOAT, [3])])
    graph.sparse_initializer.append(sparse)
    save("sparse-initializer.onnx", graph)


def make_external():
    (HERE / "data/weights.bin").write_bytes(np.arange(15, dtype=np.float32).tobytes())
    both = [external("weights", "data/weights.bin", 0, 48, (4, 3)), external("bias", "./data/weights.bin", 48, 12, (3,))]
    save("external.onnx", linear(both))
    weights = array("weights", 4, 3)
    save("external-above.onnx", linear([weights, external("bias", "../weights.bin", 0, 12)]))
    save("external-absolute.onnx", linear([weights, external("bias", "/etc/passwd", 0, 12)]))
    save("external-in-memory.onnx", linear([weights, external("bias", "*/_ORT_MEM_ADDR_/*", 4096, 12)]))
    save("external-missing.onnx", linear([weights, external("bias", "data/none.bin", 0, 12)]))
    save("external-short.onnx", linear([weights, external("bias", "data/weights.bin", 56, 12)]))
    save("external-nameless.onnx", linear([weights, external("bias", None, 0, 12)]))
    save("external-negative.onnx", linear([weights, external("bias", "data/weights.bin", -4, 12)]))

    hidden = external("hidden", "../hidden.bin", 0, 16)
    output = [value("y", T.FLOAT, [4])]
    constant = helper.make_node("Constant", [], ["y"], value=hidden)
    save("external-in-constant.onnx", helper.make_graph([constant], "g", [], output))
    branch = helper.make_graph([helper.make_node("Identity", ["hidden"], ["b"])], "b", [],
                               [value("b", T.FLOAT, [4])], [hidden])
    choice = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    save("external-in-subgraph.onnx", helper.make_graph([choice], "g", [value("c", T.BOOL, [])], output))
    function = helper.make_function("local", "F", [], ["y"], [constant], [helper.make_opsetid("", 17)])
    call = helper.make_node("F", [], ["y"], domain="local")
    save("external-in-function.onnx", helper.make_graph([call], "g", [], output), 9, (("", 17), ("local", 1)), [function])


def make_others():
    (HERE / "git-lfs-pointer.onnx").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 70903\n"
    )
    save_file({"a": np.zeros(3, dtype=np.float32), "b": np.ones((2, 2), dtype=np.float16)}, HERE / "small.safetensors",
              metadata={"format": "np"})


make_interfaces()
make_external()
make_others()
