"""A headless Chromium to look at pages with, driven by its own protocol over a pair of pipes.

https://chromedevtools.github.io/devtools-protocol. No port is opened, and nothing is installed but the browser.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_SECONDS = 170  # at most, in all; 20 were measured
PATIENCE = 60  # seconds to wait for what a page is to show

# The browser reads from 3 and writes to 4.
LAUNCH = """
import os, sys
pipes = [os.dup(int(each)) for each in sys.argv[1:3]]
for place, pipe in zip((3, 4), pipes):
    os.dup2(pipe, place)
    os.set_inheritable(place, True)
os.execv(sys.argv[3], sys.argv[3:])
"""

# What a page shows, and its elements, those of shadow roots included.
TEXT = """(() => {
    const said = [], silent = ['STYLE', 'SCRIPT', 'TEMPLATE', 'NOSCRIPT'];
    const walk = node => {
        if (node.nodeType === Node.TEXT_NODE && node.textContent.trim()) said.push(node.textContent.trim());
        if (silent.includes(node.tagName)) return;
        if (node.shadowRoot) walk(node.shadowRoot);
        node.childNodes.forEach(walk);
    };
    if (document.body) walk(document.body);
    return said.join('\\n');
})()"""
ELEMENTS = """((selector) => {
    const found = [];
    const walk = root => {
        found.push(...root.querySelectorAll(selector));
        root.querySelectorAll('*').forEach(each => each.shadowRoot && walk(each.shadowRoot));
    };
    walk(document);
    return found;
})"""


def find() -> str | None:
    """A browser that is installed or, for root on a Debian, can be."""
    end = time.monotonic() + INSTALL_SECONDS
    steps = [["update"], *(["install", "--yes", "--no-install-recommends", package] for package in NAMES[:2])]
    while (found := next(filter(None, map(shutil.which, NAMES)), None)) is None and steps and os.geteuid() == 0:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            words = ["apt-get", "--quiet", *steps.pop(0)]
            subprocess.run(words, capture_output=True, timeout=max(end - time.monotonic(), 1))
    return found


class Browser:
    """One page of a browser with a profile of its own; a context that ends it.

    What went wrong in the page is in ``complaints``, and the address of everything that it asked for in ``requests``.
    """

    def __init__(self, program: str, folder: Path, width: int = 1280, height: int = 900) -> None:
        ours, theirs = os.pipe(), os.pipe()  # to the browser, and from it
        words = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}",
        ]  # fmt: skip
        with (folder / "browser.log").open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, str(ours[0]), str(theirs[1]), *words],
                pass_fds=(ours[0], theirs[1]),
                stdout=said,
                stderr=said,
            )
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = ours[1], theirs[0]
        self._said, self._number, self._session = b"", 0, None
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank", width=width, height=height)["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask something of the browser, and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._next(end)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._said:
            ready, _, _ = select.select([self._from], [], [], max(end - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            more = os.read(self._from, 1 << 16)
            assert more, "the browser has gone"
            self._said += more
        message, _, self._said = self._said.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        kind, told = event.get("method"), event.get("params", {})
        if kind == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif kind == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"])[:500])
        elif kind == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.complaints.append(json.dumps(told["args"])[:500])
        elif kind == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(json.dumps(told["entry"])[:500])

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def ask(self, script: str) -> Any:
        """The value of an expression in JavaScript, in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """... once it is something."""
        end = time.monotonic() + PATIENCE
        while not (found := self.ask(script)):
            assert time.monotonic() < end, f"waited in vain for {script}; the page says {self.text()[:2000]}"
            time.sleep(0.05)
        return found

    def text(self) -> str:
        """What the page says."""
        return self.ask(TEXT)

    def picture(self) -> bytes:
        """The page as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
