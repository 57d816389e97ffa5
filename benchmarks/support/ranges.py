"""A web server for a folder that answers single ranges and counts what it sends. Python's standard library only."""

import http.server
import os
import pathlib
import re
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A connection that is kept must not wait for the client's acknowledgements.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.server.base / self.path.lstrip("/")
        if not path.is_file() or self.server.base not in path.resolve().parents:
            return self.answer(404, b"")
        size = path.stat().st_size
        start, end = 0, size
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("range", ""))
        tag = f'"{path.stat().st_mtime_ns:x}-{size:x}"'
        if self.headers.get("if-none-match") == tag:
            return self.answer(304, b"", {"ETag": tag})
        if wanted and self.headers.get("if-range", tag) == tag:
            if wanted[1]:
                start, end = int(wanted[1]), min(size, int(wanted[2]) + 1 if wanted[2] else size)
            else:
                start = max(0, size - int(wanted[2]))
            if start >= end:
                return self.answer(416, b"", {"Content-Range": f"bytes */{size}"})
        with open(path, "rb") as file:
            file.seek(start)
            body = file.read(end - start)
        headers = {"Accept-Ranges": "bytes", "ETag": tag}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self.answer(206 if wanted else 200, body, headers)

    def answer(self, status, body, headers={}):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        with self.server.lock:
            self.server.requests += 1
            self.server.bodies += len(body)
            self.server.headers += sum(len(line) for line in self._headers_buffer) + 2
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """Serves `base` on loopback until the context ends."""

    daemon_threads = True

    def __init__(self, base):
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = pathlib.Path(os.path.realpath(base))
        self.lock = threading.Lock()
        self.take()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def take(self):
        """What was sent since the last call: requests, bytes of bodies, bytes of headers."""
        found = {name: getattr(self, name, 0) for name in ("requests", "bodies", "headers")}
        self.requests = self.bodies = self.headers = 0
        return found

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
