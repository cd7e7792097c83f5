"""Headless Chromium, driven over a pipe by its DevTools protocol: clicks, keys, downloads, views.

with Chromium(profile) as browser:
    browser.open(page.as_uri(), width=390, dark=True)
    browser.ask("document.title")
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip
REQUIRED = os.environ.get("MINIFACENET_REQUIRE_CHROMIUM") == "1"
NEEDS_CHROMIUM = [  # the marks of a file of such tests
    pytest.mark.browser,
    pytest.mark.skipif(
        PROGRAM is None and not REQUIRED,
        reason="no Chromium here: on Debian, apt-get install chromium",
    ),
]
PATIENCE = 60  # seconds for one answer: machines may be busy


class Chromium:
    """One browser with one page, and what that page has said and asked for."""

    def __init__(self, profile):
        self.profile, self.number, self.rest = profile, 0, b""
        self.events = []

    def __enter__(self):
        ours, theirs = os.pipe(), os.pipe()

        def as_3_and_4():
            os.dup2(ours[0], 30)
            os.dup2(theirs[1], 31)
            os.dup2(30, 3)
            os.dup2(31, 4)

        self.process = subprocess.Popen(
            [PROGRAM, *FLAGS, f"--user-data-dir={self.profile}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            pass_fds=(), preexec_fn=as_3_and_4,
        )  # fmt: skip
        self.to, self.out_of = ours[1], theirs[0]
        os.close(ours[0])
        os.close(theirs[1])
        self.session = None
        target = self("Target.createTarget", url="about:blank")["targetId"]
        found = self("Target.attachToTarget", targetId=target, flatten=True)
        self.session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.close(self.to)
        os.close(self.out_of)
        self.process.terminate()
        self.process.wait(PATIENCE)

    def __call__(self, method, **params):
        """Call a method of the protocol; what it returns."""
        number = self._send(method, params)
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def _send(self, method, params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        return self.number

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            left = max(0, end - time.monotonic())
            assert select.select([self.out_of], [], [], left)[0], "Chromium does not answer"
            part = os.read(self.out_of, 1 << 16)
            assert part, "Chromium has ended"
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        answer = json.loads(message)
        if "method" in answer:
            self.events.append(answer)
        if answer.get("method") == "Page.javascriptDialogOpening":  # it would hold up everything
            self._send("Page.handleJavaScriptDialog", {"accept": True})
        return answer

    def open(self, address, width=1280, height=900, dark=False, scripts=True, media=""):
        """Open a page anew, and wait until it is there."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height,
             deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self("Emulation.setScriptExecutionDisabled", value=not scripts)
        for place in ("about:blank", address):
            self.events.clear()
            self("Page.navigate", url=place)
            self.wait_for("Page.loadEventFired")

    def wait_for(self, method):
        """Wait for an event of the protocol; its parameters."""
        while True:
            for event in self.events:
                if event["method"] == method:
                    return event["params"]
            self._next()

    def ask(self, expression):
        """Evaluate JavaScript in the page; works where the page's own scripts are switched off."""
        found = self("Runtime.evaluate", expression=expression, returnByValue=True,
                     awaitPromise=True, userGesture=True)  # fmt: skip
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def click(self, selector):
        """Click with the mouse, as a user does, into the middle of an element."""
        x, y = self.ask(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({ block: 'center', behavior: 'instant' });"
            "const r = e.getBoundingClientRect();"
            "return [r.left + r.width / 2, r.top + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key, text=""):
        """Press a key, such as 'Escape' or '/'."""
        more = {"text": text} if text else {}
        self("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **more)
        self("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def write(self, text):
        """Type a text into what has the focus."""
        self("Input.insertText", text=text)

    def picture(self, path, whole=False):
        """Write a picture of what is in sight, or of the whole page."""
        shot = self("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def console(self):
        """What the page has complained of."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [event["params"] for event in self.events if event["method"] in kinds]

    def requests(self):
        """The addresses that the page has asked for."""
        sent = (e for e in self.events if e["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]
