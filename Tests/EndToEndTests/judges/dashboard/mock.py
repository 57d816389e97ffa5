"""A fleet that isn't there: the operators' pages and API, with made-up boxes, for looking at the dashboard and judging it.

    mock.py [--port 7080] [--devices 1000] [--awkward] [--empty]

It answers as `edgefleet serve` does: the pages as they lie in Sources/CFleetPages/pages with the same
Content-Security-Policy, and JSON of the same shapes. `Fleet.fault` makes it fail ("error", "offline", "slow"). Python's
standard library only.
"""

import argparse
import datetime
import hashlib
import http.server
import itertools
import json
import math
import pathlib
import random
import threading
import time
import urllib.parse

PAGES = pathlib.Path(__file__).resolve().parents[4] / "Sources" / "CFleetPages" / "pages"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

HTML = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script><b>bold</b>"
SQL = "'; DROP TABLE devices; --"
RTL = "\u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 right-to-left"
LONG = "x" * 180 + " " + "a-very-long-word-without-a-place-to-break-" * 12
CONTROL = "bell\x07 escape\x1b[31m nul\x00 end"

PREDICATES = {
    "reachable": "now - lastSeen <= 3 * interval + 30 s",
    "converged": "for each endpoint: running.digest = wanted.digest, by metadata not older than the channel's newest",
    "healthy": "for each endpoint: something serves, errors <= 5 % of at least 20 requests, no restart since the last report",
}
RANK = {"no": 0, "waiting": 1, "unknown": 2, "yes": 3}


def attribute(name):
    return name.replace("_", ".")


def text(moment):
    return datetime.datetime.fromtimestamp(int(moment), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


def bundle(name, version, serial=None):
    return {"digest": digest(f"{name}@{version}"), "name": name, "version": version, "serial": serial}


class Fleet:
    """The boxes, and what happens to them. Every change moves `version`, which is what the ETag is made from."""

    def __init__(self, devices=1000, awkward=True, seed=7):
        self.lock = threading.RLock()
        self.fault = None
        self.requests = []
        self.version = 1
        self.random = random.Random(seed)
        self.started = time.time()
        self.events, self.devices, self.refusals = [], {}, []
        self.bundles = {}
        for number in range(devices):
            self._enrol(number)
        if devices:
            self._story()
            if awkward:
                self._awkward()
            self.refusals = [
                self.refusal("certificate_expired", 41, "10.2.0.17", "gate-0017", "the certificate expired on 2026-11-01"),
                self.refusal("token_used_up", 3, "10.9.1.4", None, "the token was good for 5 devices, and 5 have used it"),
                self.refusal("certificate_missing", 1204, "192.0.2.200", None, "no client certificate was shown"),
            ]
            if awkward:
                self.refusals.append(self.refusal("device_mismatch", 2, "10.3.3.3", HTML, f"the body names {HTML}{SQL}"))
        self.events.sort(key=lambda event: event["received"])
        for number, event in enumerate(self.events, 1):
            event["id"] = number

    # What boxes are made of

    def now(self):
        return time.time()

    def answer(self, question, answer, reason, sentence, ago, next_step=None):
        return {
            "answer": answer, "reason": reason, "sentence": sentence, "next": next_step,
            "since": None if ago is None else text(self.now() - ago), "predicate": PREDICATES[question],
        }

    def refusal(self, code, count, address, device, sentence):
        last = text(self.now() - self.random.randint(20, 40000))
        return {"code": code, "count": count, "last": last, "address": address, "device": device, "sentence": sentence}

    def _bundle(self, name, version, serial=None):
        made = bundle(name, version, serial)
        self.bundles[made["digest"]] = made
        return made

    def _endpoint(self, name, running, wanted, previous, port, ago):
        requests = self.random.randint(10_000, 4_000_000)
        return {
            "name": name, "listen": f"127.0.0.1:{port}", "running": running, "wanted": wanted, "previous": previous,
            "state": "Idle", "since": text(self.now() - ago), "result": "successful",
            "sentence": f"{name} runs {running['name']} {running['version']}, which is what deployment {wanted['serial']} wants",
            "containment": self.random.choice(["full", "full", "full", "reduced"]),
            "counters": {
                "requests": requests, "errors": self.random.randint(0, requests // 4000), "restarts": 0,
                "p50Microseconds": self.random.randint(400, 2500), "p99Microseconds": self.random.randint(3000, 19000),
            },
            "converged": self.answer("converged", "yes", "converged", f"{name} runs what is wanted", ago),
            "healthy": self.answer("healthy", "yes", "healthy", f"{name} serves", ago),
        }

    def _enrol(self, number):
        kind, site = ["cam", "gate", "press", "kiosk"][number % 4], ["berlin", "lyon", "osaka", "porto", "tulsa"][number % 5]
        name = f"{kind}-{number:04}"
        ago = 3600 * 20 + number * 61 % 400_000
        endpoints = [self._endpoint("digits", self._bundle("digits", "4", 4), self._bundle("digits", "4", 4),
                                    self._bundle("digits", "2", 2), 8080, ago)]
        if number % 3 == 0:
            endpoints.append(self._endpoint("anomaly", self._bundle("anomaly", "1.7.2", 11), bundle("anomaly", "1.7.2", 11),
                                            None, 8081, ago * 2))
        if number % 5 == 1:  # still on the bundle before
            endpoints[0] |= {
                "running": self._bundle("digits", "2", 2), "previous": self._bundle("digits", "1", 1), "result": "waitingFor(window)",
                "sentence": "waits for its window, which opens at 02:00",
                "converged": self.answer("converged", "waiting", "waitingFor(window)",
                                         "digits 4 waits for its window, which opens at 02:00", 7200 + number),
            }
        self.devices[name] = {
            "id": name, "membership": "enrolled", "labels": {"site": site, "line": str(number % 7)},
            "ownLabels": {"class": kind, "arch": "aarch64" if number % 2 else "x86_64"}, "channel": "prod",
            "enrolled": text(self.now() - 90 * 86400 + number * 5000), "lastSeen": text(self.now() - number % 55),
            "interval": 60, "agent": "0.4.0", "address": f"10.{number % 5}.{number // 250}.{number % 250 + 1}",
            "reachable": self.answer("reachable", "yes", "reporting", "it reports every minute", ago),
            "endpoints": endpoints,
            "facts": {
                "agent": "0.4.0", "machine": "aarch64" if number % 2 else "x86_64", "kernel": "6.1.0-32-arm64",
                "system": "Debian GNU/Linux 12 (bookworm)", "processors": 4, "memoryBytes": 4 << 30, "uptime": 86400 * 31 + number,
            },
            "metadata": {"timestampVersion": 8123, "verified": text(self.now() - 40), "source": "repository"},
            "sync": None, "lost": {"records": 0, "bytes": 0},
            "moment": {"time": text(self.now() - number % 55), "clock": "trusted"},
            "certificates": [
                {"fingerprint": digest(name + "new"), "issued": text(self.now() - 86400 * 8), "notAfter": text(self.now() + 86400 * 22)},
                {"fingerprint": digest(name), "issued": text(self.now() - 86400 * 27), "notAfter": text(self.now() + 86400 * 3)},
            ],
            "logs": [],
        }
        self._settle(self.devices[name])

    def _settle(self, device):
        """A device's answers are the worst of its endpoints'."""
        for question in ("converged", "healthy"):
            worst = min((e[question] for e in device["endpoints"]), key=lambda a: RANK[a["answer"]], default=None)
            device[question] = worst or self.answer(question, "unknown", "nothingWanted", "it has no endpoint", None)

    def _event(self, device, ago, endpoint, state, reason, serial, made, result=None, detail="", log=None):
        at = text(self.now() - ago)
        words = f"{endpoint}: {made['name']} {made['version']}: {state}" + (f", {result}" if result else "")
        self.events.append({
            "id": 0, "received": at, "device": device, "kind": "update", "sentence": words, "hasLog": log is not None,
            "time": at, "clock": "trusted", "endpoint": endpoint, "state": state, "result": result, "reason": reason,
            "detail": detail, "serial": serial, "bundle": made, "log": log,
        })

    def _done(self, device, ago, kind, sentence):
        self.events.append({"id": 0, "received": text(self.now() - ago), "device": device, "kind": kind,
                            "sentence": sentence, "hasLog": False, "log": None})

    def _update(self, device, ago, serial, made, end):
        """The steps of an update, the first `ago` seconds ago; `end` is how it went."""
        step = [0]

        def at(seconds):
            step[0] += seconds
            return ago - step[0]

        def event(seconds, state, reason="done", **more):
            self._event(device, at(seconds), "digits", state, reason, serial, made, **more)

        event(0, "Preflight", "began")
        event(1, "Download"), event(9, "Verify"), event(2, "Stage"), event(3, "Probe")
        if end == "rejected":
            why = "accuracy on the acceptance set is 0.5866666666666667, the bar is 0.9"
            event(6, "Failure", f"refused: {why}", result="rejected", detail=why)
            event(0, "Cleanup"), event(1, "Idle", f"refused: {why}")
            return
        event(6, "Activate"), event(1, "Observe")
        if end == "rolledBack":
            log = ("2026-11-20T13:22:52Z loading model digits 4\n2026-11-20T13:22:53Z worker 1 started\n"
                   "Traceback (most recent call last):\n  File \"score.py\", line 41, in run\n    return model(rows)[0]\n"
                   "MemoryError: Unable to allocate 1.21 GiB for an array with shape (40, 64, 64, 1024)\n"
                   "worker 1 ended by signal 9\n")
            event(2, "Rollback", "refused: it ended by itself once, which it may not", result="failedRollbackComplete", log=log)
            event(0, "Failure"), event(0, "Cleanup"), event(1, "Idle", "refused: it ended by itself once, which it may not")
            return
        event(60, "Commit", result="successful"), event(0, "Cleanup"), event(1, "Idle")

    def _story(self):
        """The few boxes that something has happened to."""
        names = list(self.devices)
        for number, name in enumerate(names[:: max(1, len(names) // 40)]):
            self._update(name, 5400 + number * 211, 4, bundle("digits", "4", 4), "committed")
        first = self.devices[names[0]]
        self._done(first["id"], 86400 * 3, "enrolled", "enrolled with token 3 from 10.0.0.1")
        self._done(first["id"], 86400 * 2, "labelled", "labels set by operator:mia: site=berlin, line=0")
        self._update(first["id"], 86400 * 2, 1, self._bundle("digits", "1", 1), "committed")
        self._update(first["id"], 86400, 2, self._bundle("digits", "2", 2), "committed")
        self._update(first["id"], 4000, 3, self._bundle("digits", "3", 3), "rejected")
        self._update(first["id"], 900, 4, bundle("digits", "4", 4), "rolledBack")
        why = "digits 4 served and was taken back: it ended by itself once, which it may not"
        first["endpoints"][0] |= {
            "running": bundle("digits", "2", 2), "previous": bundle("digits", "1", 1), "result": "failedRollbackComplete",
            "sentence": why, "since": text(self.now() - 880),
            "converged": self.answer("converged", "no", "rolledBack", why, 880,
                                     "deploy something better, or `edgeagent retry digits` on the box"),
        }
        first["logs"] = [
            {"time": text(self.now() - 890 - i * 37), "severity": [9, 9, 13, 17][i % 4],
             "body": ["check-in acknowledged", "timestamp 8123 verified", "the disk is 81 % full",
                      "runtime of digits ended by signal 9"][i % 4]} for i in range(24)
        ]
        self._settle(first)
        if len(names) > 8:
            second, third, fourth, fifth, sixth = (self.devices[names[i]] for i in (3, 4, 6, 7, 8))
            second["lastSeen"] = text(self.now() - 4000)
            second["reachable"] = self.answer("reachable", "no", "silent", "it last reported 66 minutes ago and should each minute",
                                              3700, "look at its power and its line; scoring goes on without the fleet")
            for endpoint in second["endpoints"]:
                endpoint["healthy"] = self.answer("healthy", "unknown", "silent", "not known since it fell silent; it was healthy", 3700)
            third["endpoints"][0]["counters"] |= {"requests": 20_400, "errors": 2_312, "restarts": 3}
            third["endpoints"][0]["healthy"] = self.answer(
                "healthy", "no", "errors", "11 % of the last 412 requests failed; more than 5 % may not", 340,
                "look at the events and the log of the box")
            fourth["endpoints"][0] |= {
                "running": bundle("digits", "2", 2), "state": "Download", "result": None, "sentence": "digits 4 is being fetched",
                "converged": self.answer("converged", "waiting", "updating", "digits goes to digits 4: Download", 25),
            }
            fifth["membership"] = "revoked"
            fifth["reachable"] = self.answer("reachable", "no", "revoked", "its certificate was revoked by operator:mia: stolen", 86400)
            sixth |= {"lastSeen": None, "endpoints": [], "agent": "", "address": "", "channel": None, "facts": None,
                      "metadata": None, "moment": None, "interval": 60,
                      "reachable": self.answer("reachable", "unknown", "neverReported", "it has enrolled and not reported yet", 300,
                                               "start the agent on the box: `systemctl start edgeagent`")}
            for device in (second, third, fourth, fifth, sixth):
                self._settle(device)

    def _awkward(self):
        name = "awkward:" + "Z" * 56
        device = json.loads(json.dumps(next(iter(self.devices.values())))) | {"id": name}
        odd = {"digest": digest("odd"), "name": HTML, "version": LONG[:200], "serial": 2**53}
        self.bundles[odd["digest"]] = odd
        bare = {"digest": digest("bare"), "name": None, "version": None, "serial": None}
        self.bundles[bare["digest"]] = bare
        device["labels"] = {"note": "x" * 63, "a" * 63: "b" * 63} | {f"label-{i}": str(i) for i in range(30)}
        device["agent"], device["address"] = HTML, LONG[:256]
        device["facts"] = {"agent": HTML, "machine": RTL, "kernel": LONG[:256], "system": SQL + CONTROL, "processors": 2**53,
                           "memoryBytes": 2**53, "uptime": 2**53}
        device["sync"] = {"waitingFor": "network", "sentence": HTML + RTL, "since": text(self.now() - 100)}
        device["lost"] = {"records": 1234567, "bytes": 2**53}
        device["moment"] = {"time": "1970-01-01T00:00:05Z", "clock": "floor"}
        device["endpoints"] = [
            device["endpoints"][0] | {
                "name": "e" * 64, "listen": LONG[:256], "running": odd, "wanted": bare, "previous": None, "sentence": HTML + SQL + LONG,
                "state": HTML, "result": f"incompatible({HTML}: {RTL})", "containment": "none",
                "counters": {"requests": 2**53, "errors": 2**53, "restarts": 2**53, "p50Microseconds": 0, "p99Microseconds": 2**53},
                "converged": self.answer("converged", "no", "incompatible", HTML + LONG, 50, HTML),
                "healthy": self.answer("healthy", "no", "notServing", RTL + CONTROL, 50),
            },
            device["endpoints"][0] | {"name": "bare", "running": None, "wanted": None, "previous": None, "sentence": None,
                                      "result": None, "since": None, "counters": None, "containment": None,
                                      "converged": self.answer("converged", "yes", "nothingWanted", "nothing is wanted", 50)},
        ]
        device["logs"] = [{"time": text(self.now()), "severity": 17, "body": HTML + SQL + RTL + CONTROL + LONG * 4}]
        self._settle(device)
        self.devices[name] = device
        self._event(name, 5, "e" * 64, HTML[:80], HTML + LONG * 5, 2**53, odd, result=HTML[:60], detail=SQL + RTL,
                    log=HTML + "\n" + CONTROL + "\n" + LONG * 3 + "\n" + RTL)
        self._done(name, 4, "labelled", f"labels set by operator:{HTML}: {RTL}")

    # What happens while one looks

    def change(self):
        """Marks that something has changed, and makes what was received be newest last with rising ids."""
        self.version += 1

    def happen(self, device, endpoint, state, reason, made, result=None, log=None):
        with self.lock:
            self._event(device, 0, endpoint, state, reason, made["serial"], made, result=result, log=log)
            self.events[-1]["id"] = len(self.events)
            self.change()

    def beat(self):
        """One box checks in."""
        with self.lock:
            if self.devices:
                device = self.random.choice(list(self.devices.values())[:50])
                if device["lastSeen"] and device["reachable"]["answer"] == "yes":
                    device["lastSeen"] = text(self.now())
                for endpoint in device["endpoints"]:
                    if endpoint["counters"] and endpoint["counters"]["requests"] < 2**52:
                        endpoint["counters"]["requests"] += self.random.randint(1, 500)
                self.change()

    # The API

    def row(self, device):
        keys = ("id", "membership", "labels", "ownLabels", "channel", "enrolled", "lastSeen", "interval", "agent", "address",
                "reachable", "converged", "healthy", "endpoints")
        return {key: device[key] for key in keys}

    def _worst_first(self, device):
        ranks = sorted(RANK[device[q]["answer"]] for q in ("reachable", "converged", "healthy"))
        return ranks, device["id"]

    def _counts(self, question):
        counts = dict.fromkeys(("yes", "no", "waiting", "unknown"), 0)
        for device in self._enrolled():
            counts[device[question]["answer"]] += 1
        return counts

    def _enrolled(self):
        return [device for device in self.devices.values() if device["membership"] == "enrolled"]

    def _spread(self):
        spread = {}
        for device in self.devices.values():
            for endpoint in device["endpoints"]:
                entry = spread.setdefault(endpoint["name"], {"devices": 0, "bundles": {}, "waiting": {}, "failing": {}})
                entry["devices"] += 1
                for role in ("running", "wanted"):
                    if endpoint[role]:
                        made = entry["bundles"].setdefault(endpoint[role]["digest"], endpoint[role] | {"running": 0, "wanted": 0})
                        made[role] += 1
                how = {"waiting": "waiting", "no": "failing"}.get(endpoint["converged"]["answer"])
                if how:
                    reason = endpoint["converged"]["reason"]
                    entry[how][reason] = entry[how].get(reason, 0) + 1
        return [
            {"name": name, "devices": e["devices"], "bundles": sorted(e["bundles"].values(), key=lambda b: -b["running"]),
             **{how: [{"reason": r, "count": n} for r, n in e[how].items()] for how in ("waiting", "failing")}} for name, e in sorted(spread.items())
        ]

    def _events(self, limit, **want):
        found = []
        for event in reversed(self.events):
            if want.get("device") and event["device"] != want["device"]:
                continue
            if want.get("endpoint") and event.get("endpoint") != want["endpoint"]:
                continue
            if want.get("before") and event["id"] >= int(want["before"]):
                continue
            if want.get("after") and event["id"] <= int(want["after"]):
                continue
            found.append({key: value for key, value in event.items() if key != "log"})
            if len(found) == limit:
                break
        return found

    def overview(self, query):
        attention = [d for d in self.devices.values() if d["membership"] == "enrolled"
                     and any(d[q]["answer"] == "no" for q in ("reachable", "converged", "healthy"))]
        return {
            "now": text(self.now()), "version": "0.4.0", "devices": len(self._enrolled()),
            **{question: self._counts(question) for question in PREDICATES}, "endpoints": self._spread(),
            "attention": [self.row(d) for d in sorted(attention, key=self._worst_first)[:20]], "attentionCount": len(attention),
            "events": self._events(20), "refusals": self.refusals,
        }

    def list_devices(self, query):
        found = []
        for device in self.devices.values():
            words = json.dumps([device["id"], device["labels"], device["ownLabels"],
                                [[(e[r] or {}).get("name") for r in ("running", "wanted")] for e in device["endpoints"]]])
            label = query.get("label")
            running = query.get("running", "")
            if query.get("q", "").lower() not in words.lower():
                continue
            if any(query.get(q) and query[q] not in (device[q]["answer"], device[q]["reason"]) for q in PREDICATES):
                continue
            if label and label not in [f"{k}={v}" for k, v in (device["ownLabels"] | device["labels"]).items()]:
                continue
            if running and not any(e["running"] and (e["running"]["digest"].startswith(running)
                                   or f"{e['running']['name']}@{e['running']['version']}" == running) for e in device["endpoints"]):
                continue
            if query.get("membership") and device["membership"] != query["membership"]:
                continue
            found.append(device)
        orders = {"id": lambda d: d["id"], "lastSeen": lambda d: d["lastSeen"] or ""}
        found.sort(key=orders.get(query.get("sort"), self._worst_first))
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100)), 1000)
        return {"now": text(self.now()), "total": len(self.devices), "matching": len(found), "offset": offset,
                "devices": [self.row(d) for d in found[offset:offset + limit]]}

    def device(self, name):
        device = self.devices.get(name)
        return device and {key: value for key, value in device.items()} | {"now": text(self.now()), "events": self._events(100, device=name)}

    def metrics(self, name, hours):
        if name not in self.devices:
            return None
        if not self.devices[name]["endpoints"]:
            return {"series": []}
        now, start = int(self.now()) // 60 * 60, max(2, int(float(hours) * 60))
        step = max(60, start * 60 // 360 // 60 * 60)
        times = list(range(now - start * 60, now + 1, step))
        noise = random.Random(name)

        def wave(base, size, period):
            return [base + size * math.sin(t / period) + size * 0.4 * noise.uniform(-1, 1) for t in times]

        series = []

        def running(steps):
            return list(itertools.accumulate(steps))

        def add(name, unit, values, cumulative=False, **attributes):
            points = [[t, round(v, 6)] for t, v in zip(times, values) if not (now - 9000 < t < now - 7800)]
            series.append({"name": name, "unit": unit, "attributes": {attribute(k): v for k, v in attributes.items()},
                           "cumulative": cumulative, "points": points})

        for index, endpoint in enumerate(self.devices[name]["endpoints"]):
            total, requests = 0, []
            for rate in wave(42 - 30 * index, 9, 3000):
                total += max(0, rate) * step
                requests.append(total)
            about = {"edge_endpoint": endpoint["name"], "edge_slot": "blue", "service_name": "edgeruntime"}
            add("edge.ml.requests", "{request}", requests, True, **about)
            add("edge.ml.errors", "{request}", [r * 0.002 for r in requests], True, **about)
            add("edge.ml.inference.duration.p50", "s", wave(0.0012, 0.0002, 2000), **about)
            add("edge.ml.inference.duration.p99", "s", wave(0.008, 0.002, 1500), **about)
            add("process.memory.usage", "By", wave(31e6, 1e6, 4000), **about)
        add("process.memory.usage", "By", wave(4.6e6, 2e4, 4000), service_name="edgeagent")
        busy = wave(1.2, 0.5, 2500)
        for mode, share in (("user", 0.8), ("system", 0.2)):
            add("system.cpu.time", "s", running(max(0, b) * share * step for b in busy), True, cpu_mode=mode)
        add("system.cpu.time", "s", running((4 - max(0, b)) * step for b in busy), True, cpu_mode="idle")
        for mode in ("user", "system"):
            add("process.cpu.time", "s", running(0.002 * step for _ in times), True, cpu_mode=mode, service_name="edgeagent")
        add("hw.temperature", "Cel", wave(61, 4, 5000), hw_id="thermal_zone0", hw_name="cpu-thermal")
        used = [(0.61 + i / len(times) / 5) * 29e9 for i in range(len(times))]
        add("system.filesystem.usage", "By", used, system_filesystem_state="used")
        add("system.filesystem.usage", "By", [29e9 - u for u in used], system_filesystem_state="free")
        return {"series": series}

    def _uses(self, wanted):
        rows, refusals, endpoints, counts = [], [], set(), {"running": 0, "wanted": 0}
        for device in self.devices.values():
            hit = False
            for endpoint in device["endpoints"]:
                for role in ("running", "wanted"):
                    if endpoint[role] and endpoint[role]["digest"] == wanted:
                        counts[role] += 1
                        hit = True
                        endpoints.add(endpoint["name"])
            if hit:
                rows.append(self.row(device))
        seen = set()
        for event in self.events:
            if event["kind"] == "update" and event["bundle"]["digest"] == wanted and event["device"] not in seen \
                    and (event["result"] or "").startswith(("rejected", "failed", "incompatible", "<")):
                seen.add(event["device"])
                refusals.append({"device": event["device"], "endpoint": event["endpoint"], "result": event["result"],
                                 "sentence": event["detail"] or event["reason"]})
        return self.bundles[wanted] | counts | {"refused": len(refusals), "endpoints": sorted(endpoints)}, rows, refusals

    def list_bundles(self, query):
        found = [self._uses(each)[0] for each in self.bundles]
        return {"bundles": sorted(found, key=lambda b: (b["name"] or "~", -(b["serial"] or 0)))}

    def bundle(self, wanted):
        if wanted not in self.bundles:
            return None
        summary, rows, refusals = self._uses(wanted)
        return summary | {"devices": rows[:200], "refusals": refusals}

    def answer_api(self, path, query):
        parts = path.strip("/").split("/")[1:]
        if parts == ["overview"]:
            return self.overview(query)
        if parts == ["devices"]:
            return self.list_devices(query)
        if len(parts) == 2 and parts[0] == "devices":
            return self.device(parts[1])
        if len(parts) == 3 and parts[0] == "devices" and parts[2] == "metrics":
            return self.metrics(parts[1], query.get("hours", 6))
        if parts == ["events"]:
            return {"events": self._events(min(int(query.get("limit", 100)), 500), **{k: v for k, v in query.items() if k != "limit"})}
        if len(parts) == 2 and parts[0] == "events" and parts[1].isdigit() and 0 < int(parts[1]) <= len(self.events):
            return self.events[int(parts[1]) - 1]
        if parts == ["bundles"]:
            return self.list_bundles(query)
        if len(parts) == 2 and parts[0] == "bundles":
            return self.bundle(parts[1])
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        fleet = self.server.fleet
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        if fleet.fault == "offline":
            self.close_connection = True
            return
        if not path.startswith("/api/"):
            page = PAGES / (path.lstrip("/") or "index.html")
            if page.parent != PAGES or not page.is_file():
                return self._send(404, b"not found", "text/plain")
            return self._send(200, page.read_bytes(), TYPES.get(page.suffix, "text/plain") + "; charset=utf-8")
        fleet.requests.append((self.path, self.headers.get("If-None-Match")))
        if fleet.fault == "error":
            problem = {"error": {"code": "broken", "message": "the database can't be read: disk I/O error", "hint": "look at the server's log"}}
            return self._send(500, json.dumps(problem).encode(), "application/json")
        if fleet.fault == "slow":
            time.sleep(2)
        query = dict(urllib.parse.parse_qsl(url.query))
        if path == "/api/devices" and "=" not in query.get("label", "="):
            problem = {"error": {"code": "malformed", "message": f"label=\"{query['label']}\" is no label such as site=north"}}
            return self._send(400, json.dumps(problem).encode(), "application/json")
        with fleet.lock:
            tag = f'W/"{fleet.version}-{int(time.time() // 60)}"'
            if self.headers.get("If-None-Match") == tag:
                return self._send(304, b"", None, tag)
            value = fleet.answer_api(path, query)
            body = json.dumps(value).encode() if value is not None else None
        if body is None:
            problem = {"error": {"code": "not_found", "message": f"there is no {path}"}}
            return self._send(404, json.dumps(problem).encode(), "application/json")
        self._send(200, body, "application/json", tag)

    def _send(self, status, body, kind, tag=None):
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if tag:
            self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def serve(fleet, port=0):
    """Starts answering; returns the server, whose `server_port` says where. `shutdown()` ends it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.fleet = fleet
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=7080)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--awkward", action="store_true")
    arguments = parser.parse_args()
    fleet = Fleet(arguments.devices, arguments.awkward)
    server = serve(fleet, arguments.port)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    while True:
        time.sleep(1)
        fleet.beat()


if __name__ == "__main__":
    main()
