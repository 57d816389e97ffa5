"""Send requests at a fixed rate, and count what comes of each. Python's standard library only.

    load.py http://127.0.0.1:8080/v2/models/digits/infer --body seven.json --rate 200 --connections 8 --seconds 10
    load.py URL --body a.json --body b.json --rate 50 --connections 4 --until-file /tmp/done

Open loop: request number i is due i/RATE seconds after the start, whether or not the ones before it were answered, and
its latency is counted from then. Nothing is tried again: a connection that is refused, reset or closed before the whole
answer is a lost request, also where a kept connection was closed while the request was on its way. Only a connection
whose end was already read is replaced before a request is sent on it, as every HTTP client does.

Prints one line of JSON: sent, ok (answered with 2xx), failed, by status, by bundle (the first part of the
edge-prediction-id), errors by kind with the first few in full, latencies in milliseconds. Exit code 0 if every request
was answered with 2xx, else 1.
"""

import argparse
import asyncio
import collections
import json
import os
import sys
import time
import urllib.parse


class Connection:
    """One connection of HTTP/1.1, over TCP or a Unix socket."""

    opened = 0

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, target):
        cls.opened += 1
        if target.socket:
            return cls(*await asyncio.open_unix_connection(target.socket))
        return cls(*await asyncio.open_connection(target.host, target.port))

    def is_usable(self):
        return not self.reader.at_eof() and self.reader.exception() is None and not self.writer.is_closing()

    async def ask(self, request):
        """Returns status, headers and body."""
        self.writer.write(request)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body

    def close(self):
        self.writer.close()


class Target:
    def __init__(self, url, socket):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port or 80, parts.path or "/"
        self.name, self.socket = parts.netloc, socket

    def request(self, body):
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.name}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Load:
    def __init__(self, options):
        self.options = options
        self.target = Target(options.url, options.unix_socket)
        self.requests = [self.target.request(open(path, "rb").read()) for path in options.body]
        self.next = 0
        self.stopped = False
        self.latencies, self.examples = [], []
        self.statuses, self.bundles, self.errors = (collections.Counter() for _ in range(3))
        self.ok = self.failed = 0
        # Spread evenly and the same in every run: every 1/share-th request has a connection of its own.
        self.fresh_every = round(1 / options.fresh) if options.fresh > 0 else 0

    async def run(self):
        self.start = time.monotonic()
        stopper = asyncio.create_task(self.stop())
        await asyncio.gather(*(self.work() for _ in range(self.options.connections)))
        self.seconds = time.monotonic() - self.start
        stopper.cancel()

    async def stop(self):
        if self.options.until_file:
            while not os.path.exists(self.options.until_file):
                await asyncio.sleep(0.02)
        else:
            await asyncio.sleep(self.options.seconds)
        self.stopped = True

    async def work(self):
        kept = None
        while True:
            number = self.next
            due = self.start + number / self.options.rate
            wait = due - time.monotonic()
            # Not taken before it is due, so that whoever is free then takes it.
            if wait > 0:
                await asyncio.sleep(min(wait, 0.05))
            if self.stopped:
                break
            if number != self.next or due > time.monotonic():
                continue
            self.next += 1
            kept = await self.send(number, due, kept)
        if kept:
            kept.close()

    async def send(self, number, due, kept):
        fresh = self.fresh_every and number % self.fresh_every == 0
        connection = None if fresh else kept
        try:
            if connection and not connection.is_usable():
                connection.close()
                connection = kept = None
            async with asyncio.timeout(self.options.timeout):
                if connection is None:
                    connection = await Connection.open(self.target)
                status, headers, _ = await connection.ask(self.requests[number % len(self.requests)])
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError, KeyError, IndexError) as error:
            self.failed += 1
            how = "fresh" if connection is None or connection is not kept else "kept"
            self.errors[f"{type(error).__name__} ({how})"] += 1
            if len(self.examples) < 5:
                self.examples.append(f"request {number} after {time.monotonic() - self.start:.3f} s: {error!r}")
            if connection:
                connection.close()
            return kept if fresh and kept is not connection else None
        self.latencies.append(time.monotonic() - due)
        self.statuses[str(status)] += 1
        self.bundles[headers.get("edge-prediction-id", "").partition("-")[0] or "none"] += 1
        if 200 <= status < 300:
            self.ok += 1
        else:
            self.failed += 1
        ends = headers.get("connection", "").lower() == "close"
        if fresh:
            connection.close()
            return kept
        if ends:
            connection.close()
            return None
        return connection

    def report(self):
        ordered = sorted(self.latencies)

        def part(share):
            return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else None

        return {
            "sent": self.next,
            "ok": self.ok,
            "failed": self.failed,
            "status": dict(self.statuses),
            "bundle": dict(self.bundles),
            "errors": dict(self.errors),
            "examples": self.examples,
            "connections": Connection.opened,
            "seconds": round(self.seconds, 3),
            "latencyMilliseconds": {
                "p50": part(0.5),
                "p90": part(0.9),
                "p99": part(0.99),
                "p999": part(0.999),
                "max": part(1),
            },
        }


def main():
    parser = argparse.ArgumentParser(description="Send requests at a fixed rate, and count what comes of each.")
    parser.add_argument("url")
    parser.add_argument("--body", action="append", required=True, help="file with a request's body; several take turns")
    parser.add_argument("--rate", type=float, required=True, help="requests per second")
    parser.add_argument("--connections", type=int, default=4, help="requests under way at once, at most")
    parser.add_argument("--fresh", type=float, default=0.1, help="share of requests on a new connection (default: 0.1)")
    parser.add_argument("--timeout", type=float, default=30, help="seconds until a request counts as lost")
    parser.add_argument("--unix-socket", help="connect to this socket in place of the URL's host")
    until = parser.add_mutually_exclusive_group(required=True)
    until.add_argument("--seconds", type=float)
    until.add_argument("--until-file", help="go on until this file is there")
    options = parser.parse_args()
    load = Load(options)
    asyncio.run(load.run())
    print(json.dumps(load.report()), flush=True)
    return 0 if load.failed == 0 and load.ok > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
