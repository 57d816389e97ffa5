"""Switch an endpoint from one runtime to the next under load, as an agent does, and count what is lost.

    handover.py EDGERUNTIME TREE [TREE...] --path /v2/models/digits/infer --body seven.json --switches 20 --rate 200

Speaks the control protocol (docs/runtime-control.md) from its description: makes the listening socket and the control
sockets, starts runtimes in standby (the trees take turns), has each accept and its predecessor drain, while load.py
sends requests without trying any again. In the end it asks the last runtime for its socket, as an agent that adopts it
would, and connects through that.

Prints one line of JSON: the load's report, and of the switches the seconds that each took. Exit code 0 if no request
was lost and every runtime did as it was told.
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 60  # seconds that nothing here takes


class Runtime:
    number = 0

    def __init__(self, program, tree, folder, extra):
        Runtime.number += 1
        path = f"{folder}/{Runtime.number}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        listener.listen(8)
        self.log = open(f"{path}.log", "w+b")
        self.process = subprocess.Popen(
            [program, "serve", tree, "--control-fd", str(listener.fileno()), *extra],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        listener.close()
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(LIMIT)
        self.control.connect(path)

    def ask(self, request, descriptors=()):
        if descriptors:
            socket.send_fds(self.control, [request.encode()], list(descriptors))
        else:
            self.control.send(request.encode())
        reply, received, _, _ = socket.recv_fds(self.control, 4096, 1)
        words = reply.decode().split(" ")
        if not reply or words[0] == "error":
            raise SystemExit(f"{request}: {reply.decode()!r}\n{self.said()}")
        return words, received

    def state(self):
        words, _ = self.ask("hello")
        assert words[1] == "1" and int(words[2]) == self.process.pid and words[5] in ("manifest", "model"), words
        return words[3]

    def wait_for(self, state):
        end = time.monotonic() + LIMIT
        while (now := self.state()) != state:
            if now not in ("loading",) or time.monotonic() > end:
                raise SystemExit(f"{now}, expected {state}\n{self.said()}")
            time.sleep(0.01)

    def wait_for_requests(self):
        end = time.monotonic() + LIMIT
        while int(self.ask("counters")[0][1]) == 0:
            if time.monotonic() > end:
                raise SystemExit(f"no request arrived\n{self.said()}")
            time.sleep(0.005)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


def end_of(runtime, since):
    code = runtime.process.wait(LIMIT)
    assert code == 0, f"a draining runtime ended with {code}\n{runtime.said()}"
    return time.monotonic() - since


def main():
    parser = argparse.ArgumentParser(description="Switch between runtimes under load, and count what is lost.")
    parser.add_argument("program")
    parser.add_argument("trees", nargs="+")
    parser.add_argument("--path", required=True)
    parser.add_argument("--body", action="append", required=True)
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--fresh", type=float, default=0.25)
    parser.add_argument("--pause", type=float, default=0, help="seconds between two switches")
    parser.add_argument("--serve", action="append", default=[], help="a further argument for serve")
    options = parser.parse_args()

    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}{options.path}"
    switches, drains, draining, started, load = [], [], [], [], None
    with tempfile.TemporaryDirectory(prefix="edge-handover-") as folder:
        start = lambda: Runtime(options.program, options.trees[len(started) % len(options.trees)], folder, options.serve)
        try:
            current = start()
            started.append(current)
            current.wait_for("standby")
            current.ask("accept", [listening.fileno()])
            done = f"{folder}/done"
            command = [sys.executable, HERE / "load.py", url, "--rate", str(options.rate), "--until-file", done]
            command += ["--connections", str(options.connections), "--fresh", str(options.fresh)]
            for body in options.body:
                command += ["--body", body]
            load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

            for _ in range(options.switches):
                current.wait_for_requests()
                successor = start()
                started.append(successor)
                successor.wait_for("standby")
                before = time.monotonic()
                assert successor.ask("accept", [listening.fileno()])[0] == ["accepting"]
                assert current.ask("drain")[0] == ["draining"]
                switches.append(time.monotonic() - before)
                draining.append((current, time.monotonic()))
                assert successor.state() == "serving"
                current = successor
                time.sleep(options.pause)
                # No more than three at once, so that a fast machine does not start all of them.
                while len(draining) > 1:
                    drains.append(end_of(*draining.pop(0)))
            drains += [end_of(*pair) for pair in draining]

            current.wait_for_requests()
            pathlib.Path(done).touch()
            report = json.loads(load.communicate(timeout=LIMIT)[0])
            counters = [int(word) for word in current.ask("counters")[0][1:7]]

            # What an agent does that finds a runtime serving: the same socket, by another way.
            words, received = current.ask("socket")
            assert words == ["socket"] and len(received) == 1, (words, received)
            adopted = socket.socket(fileno=received[0])
            assert adopted.getsockname() == listening.getsockname()
            listening.close()
            assert current.ask("drain")[0] == ["draining"]
            assert current.process.wait(LIMIT) == 0, current.said()
            # Nobody accepts now, and still nobody is refused: the socket is ours.
            waiting = socket.create_connection(adopted.getsockname(), timeout=LIMIT)
            successor = start()
            started.append(successor)
            successor.wait_for("standby")
            successor.ask("accept", [adopted.fileno()])
            waiting.sendall(b"GET /v2/health/ready HTTP/1.1\r\nHost: test\r\n\r\n")
            assert waiting.recv(4096).startswith(b"HTTP/1.1 200"), "the connection that waited is not answered"
        finally:
            if load and load.poll() is None:
                load.kill()
                load.wait()
            for runtime in started:
                if runtime.process.poll() is None:
                    runtime.process.kill()
                    runtime.process.wait()
    report["switches"] = len(switches)
    report["switchMilliseconds"] = {"max": round(1000 * max(switches), 3) if switches else None}
    report["drainSeconds"] = {"max": round(max(drains), 3) if drains else None}
    report["lastCounters"] = counters
    print(json.dumps(report), flush=True)
    return 0 if report["failed"] == 0 and report["ok"] == report["sent"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
