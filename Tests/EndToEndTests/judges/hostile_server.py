"""Serve the folders that hostile_repositories.py wrote, each as its fixture.json asks.

    hostile_server.py FOLDER

Prints the port of 127.0.0.1 that it listens on, and serves until whoever started it has ended.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

FOLDER = sys.argv[1]
# More than anybody should read of something that has no end.
ENDLESS_BYTES = 1 << 30


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        fixture, _, path = self.path.lstrip("/").partition("/")
        with open(os.path.join(FOLDER, fixture, "fixture.json"), encoding="utf-8") as file:
            answer = json.load(file)["answers"].get(path, {"kind": "headers", "headers": {}})
        getattr(self, "answer_" + answer["kind"].replace("-", "_"))(fixture, path, answer)

    def content(self, fixture, path):
        # A role's file lies under its encoded name: it may hold slashes.
        for name in (path, unquote(path)):
            try:
                with open(os.path.join(FOLDER, fixture, name), "rb") as file:
                    return file.read()
            except OSError:
                pass
        return None

    def head(self, status, length=None, headers=None):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def answer_headers(self, fixture, path, answer):
        content = self.content(fixture, path)
        if content is None:
            self.send_error(404)
            return
        self.head(200, len(content), answer["headers"])
        self.wfile.write(content)

    def answer_status(self, fixture, path, answer):
        self.head(answer["status"], 0, answer.get("headers"))

    def answer_cut(self, fixture, path, answer):
        content = self.content(fixture, path)
        self.head(200, len(content))
        self.wfile.write(content[: len(content) // 2])

    def answer_endless(self, fixture, path, answer):
        self.head(200)
        sent = 0
        while sent < ENDLESS_BYTES:
            sent += self.wfile.write(b" " * 65_536)

    def answer_redirect(self, fixture, path, answer):
        self.head(302, 0, {"Location": answer["location"]})

    def answer_garbage(self, fixture, path, answer):
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    def answer_hang_up(self, fixture, path, answer):
        pass

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # Clients that have read enough hang up.
        pass


def main():
    server = Server(("127.0.0.1", 0), Handler)
    parent = os.getppid()
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() == parent:
        time.sleep(0.2)


if __name__ == "__main__":
    main()
