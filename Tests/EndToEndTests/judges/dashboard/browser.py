"""Chromium, driven over the DevTools protocol through a pipe. Python's standard library only.

    with Browser() as browser:
        page = browser.page()
        page.open("http://127.0.0.1:7080/")
        page.wait("document.querySelector('h1')")
"""

import base64
import fcntl
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

WAIT = 20  # seconds for anything that is waited for


class Failed(AssertionError):
    """What was waited for did not come, or was answered with an error."""


class Browser:
    def __init__(self, program="chromium", *arguments):
        self.folder = tempfile.mkdtemp(prefix="chromium-")
        to_child, ours_out = os.pipe()
        ours_in, from_child = os.pipe()
        # The browser reads from 3 and writes to 4, whatever these have been here.
        there = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (to_child, from_child)]
        os.close(to_child), os.close(from_child)

        def take_ends():
            os.dup2(there[0], 3), os.dup2(there[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync",
             "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={self.folder}", *arguments, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=take_ends,
            pass_fds=(3, 4), start_new_session=True)
        for end in there:
            os.close(end)
        self.output, self.input = os.fdopen(ours_out, "wb", buffering=0), os.fdopen(ours_in, "rb", buffering=0)
        self.number, self.answers, self.pages = 0, {}, {}
        self.changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
            self.process.wait(5)
        except (Failed, OSError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listen(self):
        kept = b""
        while part := self.input.read(1 << 16):
            *messages, kept = (kept + part).split(b"\0")
            for message in map(json.loads, messages):
                with self.changed:
                    if "id" in message:
                        self.answers[message["id"]] = message
                    elif message.get("sessionId") in self.pages:
                        self.pages[message["sessionId"]].events.put(message)
                    self.changed.notify_all()

    def call(self, method, session=None, **parameters):
        with self.changed:
            self.number += 1
            number = self.number
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        self.output.write(json.dumps(message).encode() + b"\0")
        with self.changed:
            if not self.changed.wait_for(lambda: number in self.answers, WAIT):
                raise Failed(f"the browser does not answer {method}")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']}")
        return answer["result"]

    def page(self, width=1280, height=900, dark=False, phone=False, zone="Europe/Berlin", reduced=False):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, target)
        self.pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setTimezoneOverride", timezoneId=zone)
        page.look(width, height, dark, phone, reduced)
        return page


class Page:
    def __init__(self, browser, session, target):
        self.browser, self.session, self.target = browser, session, target
        self.events = queue.Queue()

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def look(self, width, height, dark=False, phone=False, reduced=False):
        self.size = (width, height)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced else "no-preference"}])

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def open(self, address):
        self.call("Page.navigate", url=address)

    def run(self, script):
        """The value of an expression, which may be a promise."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Failed(f"{script}: {result['exceptionDetails'].get('exception', {}).get('description', result['exceptionDetails'])}")
        return result["result"].get("value")

    def wait(self, script, what=None):
        """Until an expression is true; returns its value."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            try:
                if value := self.run(f"(() => {{ const value = ({script}); return value instanceof Node ? true : value; }})()"):
                    return value
            except Failed as failure:
                if "Execution context" not in str(failure) and "Cannot find context" not in str(failure) and "TypeError" not in str(failure):
                    raise
            time.sleep(0.05)
        raise Failed(f"{what or script}: not within {WAIT} s; the page says: {self.text()[:600]!r}")

    def text(self, selector="body"):
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def press(self, key):
        codes = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "ArrowDown": (40, ""), "ArrowUp": (38, ""),
                 "ArrowLeft": (37, ""), "ArrowRight": (39, ""), "End": (35, ""), "Home": (36, "")}
        code, text = codes.get(key, (ord(key[0].upper()), key))
        more = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", key=key, windowsVirtualKeyCode=code, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def write(self, text):
        self.call("Input.insertText", text=text)

    def click(self, selector):
        box = self.run(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
                       "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def shot(self, path, whole=True):
        """A picture as PNG; of the whole page, however long, up to 5,000 pixels."""
        width, height = self.size
        if whole:
            height = min(5000, max(height, self.run("document.documentElement.scrollHeight")))
            phone = self.run("devicePixelRatio") == 2
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)
            time.sleep(0.3)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
        if whole:
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=self.size[1], deviceScaleFactor=2 if phone else 1, mobile=phone)

    def complaints(self, expected=()):
        """What the browser has complained of since it was last asked: errors, violations of the policy, exceptions."""
        found = []
        while not self.events.empty():
            event = self.events.get()
            method, given = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(given["exceptionDetails"].get("exception", {}).get("description") or given["exceptionDetails"]["text"])
            elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
                found.append(" ".join(str(a.get("value", a.get("description"))) for a in given["args"]))
            elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
                found.append(f"{given['entry']['source']}: {given['entry']['text']} {given['entry'].get('url', '')}")
            elif method == "Network.requestWillBeSent":
                self.asked = getattr(self, "asked", []) + [given["request"]["url"]]
        return [complaint for complaint in found if not any(each in complaint for each in expected)]
