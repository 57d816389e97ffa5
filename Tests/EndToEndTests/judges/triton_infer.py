"""Ask a server through NVIDIA's Open Inference Protocol client, and compare the answers with ONNX Runtime in Python.

    triton_infer.py [--extensions] URL MODEL ONNXFILE REQUEST...

REQUEST is a file with the JSON body of an infer request. Each is sent with its tensors as JSON and as binary, in all
four combinations of asking and answering, and once without naming outputs. --extensions also tries gzip in both
directions, the repository index and statistics. One line per check; exit code 1 when one failed.
"""

import argparse
import json
import os
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is loaded: its wheels report home by default

import numpy as np
import onnxruntime
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

TOLERANCE = 1e-5
ONNX_TYPES = {
    "tensor(bool)": "BOOL",
    "tensor(double)": "FP64",
    "tensor(float)": "FP32",
    "tensor(float16)": "FP16",
    "tensor(string)": "BYTES",
    **{f"tensor(int{bits})": f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{f"tensor(uint{bits})": f"UINT{bits}" for bits in (8, 16, 32, 64)},
}


class Judge:
    """Counts checks and prints one line for each."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, body):
        """`body` returns a remark, or raises."""
        try:
            remark = body()
        except Exception as error:  # a client that trips over an answer is a finding, whatever it raises
            self.failed += 1
            print(one_line(f"FAIL {name}: {type(error).__name__}: {error}"))
        else:
            self.passed += 1
            print(one_line(f"ok   {name}" + (f": {remark}" if remark else "")))


def one_line(text):
    return text.replace("\n", " ")


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def described(tensors):
    """Name -> (datatype, shape with -1 for what varies), from ONNX Runtime."""
    return {t.name: (ONNX_TYPES[t.type], [d if isinstance(d, int) else -1 for d in t.shape]) for t in tensors}


def told(tensors):
    return {t["name"]: (t["datatype"], [int(dimension) for dimension in t["shape"]]) for t in tensors}


def arrays(request):
    return {
        tensor["name"]: np.array(tensor["data"], triton_to_np_dtype(tensor["datatype"])).reshape(tensor["shape"])
        for tensor in request["inputs"]
    }


def compare(answer, expected, name):
    expect(answer is not None, f"output {name} is missing")
    expect(list(answer.shape) == list(expected.shape), f"{name}: shape {answer.shape}, expected {expected.shape}")
    expect(answer.dtype == expected.dtype, f"{name}: type {answer.dtype}, expected {expected.dtype}")
    if np.issubdtype(expected.dtype, np.floating):
        worst = float(np.max(np.abs(answer - expected), initial=0))
        expect(worst <= TOLERANCE, f"{name}: differs by up to {worst:.2e}")
        return worst
    expect(np.array_equal(answer, expected), f"{name}: {answer.tolist()}, expected {expected.tolist()}")
    return 0.0


def infer(client, model, given, expected, ask_binary, answer_binary, named=True, **options):
    inputs = []
    for name, array in given.items():
        tensor = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        tensor.set_data_from_numpy(array, binary_data=ask_binary)
        inputs.append(tensor)
    outputs = [triton.InferRequestedOutput(name, binary_data=answer_binary) for name in expected] if named else None
    result = client.infer(model, inputs, outputs=outputs, request_id="judge-1", **options)
    header = result.get_response()
    expect(header.get("model_name") == model, f"model_name is {header.get('model_name')}")
    expect(header.get("id") == "judge-1", f"id is {header.get('id')}, sent judge-1")
    worst = max(compare(result.as_numpy(name), value, name) for name, value in expected.items())
    return f"largest difference {worst:.1e}"


def refused(client, model, name, binary=False):
    """A request of the wrong shape: the client must get an error that it can read."""
    tensor = triton.InferInput(name, [1, 3], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 3), np.float32), binary_data=binary)
    try:
        client.infer(model, [tensor])
    except InferenceServerException as error:
        status = str(error.status())
        expect(status in ("400", "404"), f"status {status}: {error.message()}")
        expect(error.message(), "the error has no message")
        return f"{status}: {error.message()}"
    raise AssertionError("was answered")


def check_server(judge, client, model, session):
    judge.check("server live", lambda: expect(client.is_server_live(), "says no"))
    judge.check("server ready", lambda: expect(client.is_server_ready(), "says no"))
    judge.check("model ready", lambda: expect(client.is_model_ready(model), "says no"))
    judge.check("other model not ready", lambda: expect(not client.is_model_ready("no-such-model"), "says yes"))

    def server_metadata():
        metadata = client.get_server_metadata()
        missing = {"name", "version", "extensions"} - metadata.keys()
        expect(not missing, f"lacks {', '.join(sorted(missing))}")
        expect("binary_tensor_data" in metadata["extensions"], "extensions lack binary_tensor_data")
        return f"{metadata['name']} {metadata['version']}"

    def model_metadata():
        metadata = client.get_model_metadata(model)
        expect(metadata["name"] == model, f"name is {metadata['name']}")
        expect(metadata["platform"], "platform is empty")
        for key, tensors in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
            wanted, found = described(tensors), told(metadata[key])
            expect(found == wanted, f"{key}: {found}, ONNX Runtime says {wanted}")
        return metadata["platform"]

    judge.check("server metadata", server_metadata)
    judge.check("model metadata", model_metadata)
    name = session.get_inputs()[0].name
    judge.check("refuses another model", lambda: refused(client, "no-such-model", name))
    judge.check("refuses an unknown input", lambda: refused(client, model, "no-such-input"))
    judge.check("refuses a wrong shape", lambda: refused(client, model, name))
    judge.check("refuses a wrong shape, binary", lambda: refused(client, model, name, binary=True))


def check_request(judge, client, model, session, path, extensions):
    with open(path, encoding="utf-8") as file:
        given = arrays(json.load(file))
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(names, given)))
    title = os.path.basename(path)
    forms = {False: "JSON", True: "binary"}
    for ask in (False, True):
        for answer in (False, True):
            judge.check(
                f"{title}: {forms[ask]} asked, {forms[answer]} answered",
                lambda: infer(client, model, given, expected, ask, answer),
            )
    judge.check(f"{title}: all outputs", lambda: infer(client, model, given, expected, True, True, named=False))
    if extensions:
        gzip = {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}
        for binary in (False, True):
            judge.check(
                f"{title}: {forms[binary]}, gzip both ways",
                lambda: infer(client, model, given, expected, binary, binary, **gzip),
            )


def check_extensions(judge, client, model):
    def index():
        states = {entry["name"]: entry.get("state") for entry in client.get_model_repository_index()}
        expect(states.get(model) == "READY", f"{model} is {states.get(model)}")

    def statistics():
        (found,) = [entry for entry in client.get_inference_statistics(model)["model_stats"] if entry["name"] == model]
        expect(int(found["inference_count"]) > 0, "inference_count is 0 after requests")
        return f"{found['inference_count']} rows"

    judge.check("repository index", index)
    judge.check("statistics", statistics)


def main():
    parser = argparse.ArgumentParser(description="Judge an Open Inference Protocol server with NVIDIA's client.")
    parser.add_argument("--extensions", action="store_true", help="also check gzip, repository index and statistics")
    parser.add_argument("url", metavar="URL")
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("onnx", metavar="ONNXFILE")
    parser.add_argument("requests", metavar="REQUEST", nargs="+")
    options = parser.parse_args()

    session = onnxruntime.InferenceSession(options.onnx, providers=["CPUExecutionProvider"])
    url = options.url.removeprefix("http://").rstrip("/")
    judge = Judge()
    with triton.InferenceServerClient(url, connection_timeout=10, network_timeout=10) as client:
        check_server(judge, client, options.model, session)
        for path in options.requests:
            check_request(judge, client, options.model, session, path, options.extensions)
        if options.extensions:
            check_extensions(judge, client, options.model)
    print(f"{judge.passed + judge.failed} checks, {judge.failed} failed")
    return 1 if judge.failed or not judge.passed else 0


if __name__ == "__main__":
    sys.exit(main())
