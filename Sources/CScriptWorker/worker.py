"""The worker that runs a scoring script: init() once, then run() once per request, one at a time.

Embedded in the runtime and handed over through a descriptor; plain standard library, Python 3.9 or later. It talks to
the runtime over one socket, whose frames are described in Sources/EdgeRuntime/ScriptProtocol.swift. It behaves like the
Azure ML inference server (azureml-inference-server-http 1.5.1: user_script.py, input_parsers.py, routes.py) where a
script could tell; what differs is noted beside it.

Imports are few and late, since each is memory on a small box: a bare worker is what every script pays for.
"""

import json
import mmap
import os
import socket
import struct
import sys
import time

CONFIGURE, READY, FAILED, REQUEST, REPLY, LOG, STOP = range(1, 8)
IN_DESCRIPTOR = 0x80
HEADER = struct.Struct("<IBQI")  # length of what follows, kind, request id, length of meta
AFTER_LENGTH = HEADER.size - 4
SIZE = struct.Struct("<Q")
DESCRIPTOR = struct.Struct("i")

INLINE_LIMIT = 64 << 10
META_LIMIT = 256 << 10
TEXT_LIMIT = 16 << 10  # of a traceback, in characters: at 12 bytes for each, escaped, it still fits into meta

# From <linux/fcntl.h>; the fcntl module of Python 3.9 has not got all of them.
F_ADD_SEALS, F_GET_SEALS = 1033, 1034
SEALS = 0x2 | 0x4 | 0x8  # shrink, grow, write

SCRIPT_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."


class ProtocolError(Exception):
    """What came through the socket is no frame of ours."""


class ScriptError(Exception):
    """The script is not one that can be served."""


class Channel:
    """Frames in both directions. A payload above INLINE_LIMIT travels in a sealed memory file beside its frame."""

    def __init__(self, descriptor):
        import fcntl

        # Away from the low numbers that a script might write to by mistake, and closed in whatever it executes.
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 60)
        os.close(descriptor)
        self.socket = socket.socket(fileno=moved)
        self.fcntl = fcntl.fcntl
        self.payload_limit = INLINE_LIMIT

    def receive(self):
        """(kind, request id, meta as bytes, payload as bytes or mmap), or None when the runtime has gone."""
        head, ancillary, flags, _ = self.socket.recvmsg(HEADER.size, socket.CMSG_SPACE(DESCRIPTOR.size))
        if not head:
            return None
        if len(head) < HEADER.size:
            head += self._exactly(HEADER.size - len(head))
        length, kind, request, meta_length = HEADER.unpack(head)
        if length < AFTER_LENGTH or length > AFTER_LENGTH + META_LIMIT + INLINE_LIMIT:
            raise ProtocolError(f"a frame of {length} bytes")
        rest = self._exactly(length - AFTER_LENGTH)
        if meta_length > len(rest):
            raise ProtocolError("meta is longer than its frame")
        meta, payload = rest[:meta_length], rest[meta_length:]
        if kind & IN_DESCRIPTOR:
            payload = self._open(ancillary, payload)
        return kind & ~IN_DESCRIPTOR, request, meta, payload

    def _exactly(self, count):
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self.socket.recv_into(view)
            if not got:
                raise ProtocolError("the runtime left inside a frame")
            view = view[got:]
        return data

    def _open(self, ancillary, size):
        if len(ancillary) != 1 or len(size) != SIZE.size:
            raise ProtocolError("a frame without its descriptor")
        (descriptor,) = DESCRIPTOR.unpack(ancillary[0][2][: DESCRIPTOR.size])
        try:
            (count,) = SIZE.unpack(size)
            sealed = self.fcntl(descriptor, F_GET_SEALS) & SEALS == SEALS
            if not sealed or count > self.payload_limit or count != os.fstat(descriptor).st_size:
                raise ProtocolError(f"a payload of {count} bytes that is not sealed, or over the limit")
            return mmap.mmap(descriptor, count, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)

    def send(self, kind, request, meta, payload=b""):
        if len(payload) <= INLINE_LIMIT:
            length = AFTER_LENGTH + len(meta) + len(payload)
            self.socket.sendall(HEADER.pack(length, kind, request, len(meta)) + meta + payload)
            return
        length = AFTER_LENGTH + len(meta) + SIZE.size
        head = HEADER.pack(length, kind | IN_DESCRIPTOR, request, len(meta)) + meta + SIZE.pack(len(payload))
        descriptor = os.memfd_create("reply", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            view = memoryview(payload)
            while view:
                view = view[os.write(descriptor, view) :]
            self.fcntl(descriptor, F_ADD_SEALS, SEALS)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, DESCRIPTOR.pack(descriptor))]
            sent = self.socket.sendmsg([head], rights)
        finally:
            os.close(descriptor)
        if sent < len(head):
            self.socket.sendall(head[sent:])

    def send_meta(self, frame_kind, request, **fields):
        self.send(frame_kind, request, json.dumps(fields).encode())


def explain(error, own):
    """(last line, traceback, line number in the script or None) of an exception, without this file's frames.

    `own` is the file whose line is wanted.
    """
    import traceback

    hidden = (__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in hidden:
        trace = trace.tb_next
    line, step = None, trace
    while step is not None:
        if step.tb_frame.f_code.co_filename == own:
            line = step.tb_lineno
        step = step.tb_next
    if isinstance(error, SyntaxError) and error.filename == own:
        line = error.lineno
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
        last = traceback.format_exception_only(type(error), error)[-1].strip()
    except Exception as broken:  # an exception whose own text raises
        text = last = f"{type(error).__name__}, whose description raised {type(broken).__name__}"
    return last[:1000], shorten(text), line


def shorten(text):
    if len(text) <= TEXT_LIMIT:
        return text
    half = TEXT_LIMIT // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


class Script:
    """The scoring script: loaded as the module `entry_module`, as scripts and their pickles expect."""

    def __init__(self, path):
        import importlib.util

        spec = importlib.util.spec_from_file_location("entry_module", path)
        if spec is None or spec.loader is None:
            raise ScriptError("the scoring script is no Python file (its name must end with .py)")
        self.module = importlib.util.module_from_spec(spec)
        # Azure's server does not register it; dataclasses and pickles of the script's own classes need it there.
        sys.modules["entry_module"] = self.module
        spec.loader.exec_module(self.module)
        for name in ("init", "run"):
            if not callable(getattr(self.module, name, None)):
                raise ScriptError(f"the scoring script has no {name}() function")
        # Scripts made by Azure's SDK are wrapped by a "driver", whose run() only forwards, and not always well.
        driven = getattr(self.module, "driver_module", None)
        self.run = driven.run if isinstance(driven, type(sys)) and hasattr(driven, "run") else self.module.run
        self.parameter, self.takes_headers = self._parameters()

    def _parameters(self):
        schema = sys.modules.get("inference_schema.schema_util")
        if schema is not None and schema.is_schema_decorated(self.run):
            raise ScriptError("run() is decorated with @input_schema, which this version of the runtime can't serve")
        names = plain_parameters(self.run)
        if names is None:
            import inspect

            parameters = inspect.signature(self.run).parameters.values()
            accepted = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            if any(parameter.kind not in accepted for parameter in parameters):
                raise ScriptError("run() cannot accept positional-only arguments, *args, or **kwargs")
            names = [parameter.name for parameter in parameters]
        data = [name for name in names if name != "request_headers"]
        if not data:
            raise ScriptError("run() needs to accept an argument for input data")
        return data[0], "request_headers" in names

    def answer(self, request, payload):
        """(status, milliseconds in run() or None, message, body, exception or None)"""
        try:
            if request["method"] == "GET":
                data = query_as_json(request.get("query") or "")
            else:
                data = str(payload, "utf-8")
        except UnicodeDecodeError as error:
            return 400, None, f"Input cannot be decoded as UTF-8: {error}", b"", None
        arguments = {self.parameter: data}
        if self.takes_headers:
            arguments["request_headers"] = as_flask(request.get("headers") or [])
        start = time.perf_counter()
        try:
            result = self.run(**arguments)
        except BaseException as error:  # also sys.exit(): it is the request that fails, not the worker
            return 500, milliseconds_since(start), SCRIPT_FAILED, b"", error
        elapsed = milliseconds_since(start)
        try:
            return 200, elapsed, None, as_json(result), None
        except Exception as error:
            # Azure's server writes NaN, which is no JSON, and calls the rest "an unexpected internal error".
            return 500, elapsed, f"run() returned what JSON can't hold: {error}"[:1000], b"", error


def plain_parameters(function):
    """The parameter names of an ordinary function, else None. Saves the 1.2 MB that importing inspect costs."""
    code = getattr(function, "__code__", None)
    if type(function) is not type(plain_parameters) or hasattr(function, "__wrapped__"):
        return None
    if code.co_posonlyargcount or code.co_flags & 0x0C:  # CO_VARARGS, CO_VARKEYWORDS
        return None
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def milliseconds_since(start):
    return (time.perf_counter() - start) * 1e3


def query_as_json(query):
    """GET: the query's values, each read as JSON where it is JSON; a repeated name becomes a list."""
    import urllib.parse

    values = {}
    for name, text in urllib.parse.parse_qsl(query, keep_blank_values=True):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        values.setdefault(name, []).append(value)
    return json.dumps({name: found[0] if len(found) == 1 else found for name, found in values.items()})


def as_flask(headers):
    """Names in the form that Flask gives them (`X-Request-Id`), repeated ones joined by commas."""
    joined = {}
    for name, value in headers:
        name = name.title()
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def as_json(result):
    if result is None:
        return b"{}"  # as Azure's server answers: AMLResponse(None)
    try:
        return json.dumps(result, allow_nan=False, default=plain).encode()
    except ValueError:
        try:
            where = find_not_finite(result, "")
        except RecursionError:  # a value inside itself, which the error names
            where = None
        if where is None:
            raise
        raise ValueError(where) from None


def plain(value):
    """What json.dumps can't write itself: numpy's arrays and scalars, where the script uses numpy."""
    numpy = sys.modules.get("numpy")
    if isinstance(value, getattr(numpy, "ndarray", ())):
        return value.tolist()
    if isinstance(value, getattr(numpy, "generic", ())):
        item = value.item()
        return float(item) if item is value else item  # a long double's item is itself
    raise TypeError(f"an object of type {type(value).__name__}")


def find_not_finite(value, path):
    """`NaN at probabilities[0][2]`, or None."""
    numpy = sys.modules.get("numpy")
    if isinstance(value, (getattr(numpy, "ndarray", ()), getattr(numpy, "generic", ()))):
        value = plain(value)
    if isinstance(value, float):
        if value != value:
            return f"NaN at {path}" if path else "NaN"
        if value in (float("inf"), float("-inf")):
            return f"Infinity at {path}" if path else "Infinity"
        return None
    if isinstance(value, dict):
        children = ((f"{path}.{name}" if path else str(name), child) for name, child in value.items())
    elif isinstance(value, (list, tuple)):
        children = ((f"{path}[{index}]", child) for index, child in enumerate(value))
    else:
        return None
    for child_path, child in children:
        found = find_not_finite(child, child_path)
        if found:
            return found
    return None


def loaded_packages(folders):
    """Name -> version of what init() really loaded from the bundle's environment."""
    packages = {}
    for name, module in list(sys.modules.items()):
        if "." in name:
            continue
        attributes = getattr(module, "__dict__", {})
        version, path = attributes.get("__version__"), attributes.get("__file__")
        if isinstance(version, str) and isinstance(path, str) and path.startswith(folders) and len(packages) < 200:
            packages[name] = version[:100]
    return packages


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the script may have closed or replaced it
            pass


def prepare(configuration):
    """The interpreter as a script finds it: Azure's layout, lines that arrive as they are written."""
    import site

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    site.setquit()  # `exit`, which -S leaves out
    for folder in configuration["site_packages"]:
        site.addsitedir(folder)
    sys.path.append(configuration["code_folder"])
    sys.argv[:] = [configuration["script"]]
    if not os.path.exists(configuration["script"]):
        raise ScriptError("the scoring script does not exist")


def start(channel, configuration):
    """Loads the script and calls init(). Returns the script, or None after having said why not."""
    path = configuration["script"]
    step = "load"
    begin = time.perf_counter()
    try:
        prepare(configuration)
        script = Script(path)
        step = "init"
        script.module.init()
    except BaseException as error:  # also sys.exit()
        if isinstance(error, ScriptError):
            last, text, line = str(error), "", None
        else:
            last, text, line = explain(error, path)
        flush()
        kind = type(error).__name__
        channel.send_meta(FAILED, 0, step=step, kind=kind, message=last, traceback=text, line=line)
        return None
    flush()
    channel.send_meta(
        READY,
        0,
        python=sys.version.split()[0],
        init_seconds=round(time.perf_counter() - begin, 6),
        takes_headers=script.takes_headers,
        packages=loaded_packages(tuple(configuration["site_packages"])),
    )
    return script


def serve(channel, script, path):
    process = os.getpid()
    while True:
        frame = channel.receive()
        if frame is None or frame[0] == STOP:
            return
        kind, request, meta, payload = frame
        if kind != REQUEST:
            raise ProtocolError(f"a frame of kind {kind} where a request was expected")
        status, elapsed, message, body, error = script.answer(json.loads(meta), payload)
        if os.getpid() != process:
            os._exit(70)  # a fork that came back from run(): the socket is not its own
        if len(body) > channel.payload_limit:
            message = f"the answer has {len(body)} bytes, more than the limit of {channel.payload_limit}"
            status, body = 500, b""
        if error is not None:
            last, text, line = explain(error, path)
            channel.send_meta(LOG, request, message=last, traceback=text, line=line)
        flush()
        if message is None:
            reply = b'{"status":200,"run_ms":%.3f}' % elapsed
        else:
            reply = json.dumps({"status": status, "run_ms": elapsed, "message": message}).encode()
        channel.send(REPLY, request, reply, body)
        # Nothing of a request outlives it.
        del frame, meta, payload, body, error, message, reply


def main(descriptor):
    import faulthandler

    faulthandler.enable()
    channel = Channel(descriptor)
    frame = channel.receive()
    if frame is None:
        return
    kind, _, meta, _ = frame
    if kind != CONFIGURE:
        raise ProtocolError(f"a frame of kind {kind} where the configuration was expected")
    configuration = json.loads(meta)
    channel.payload_limit = configuration["payload_limit_bytes"]
    script = start(channel, configuration)
    if script is None:
        sys.exit(1)
    serve(channel, script, configuration["script"])
