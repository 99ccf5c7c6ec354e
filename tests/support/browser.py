"""Finds or installs Chromium (on Debian), opens it, and closes it with all its processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAMS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-shell",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
PACKAGES = ("chromium-headless-shell", "chromium")  # Debian's; releases before the first have the second
INSTALL_SECONDS = 300  # for all calls of apt-get together; 20 were measured
PATIENCE = 60  # seconds for the browser to start, and for each thing that a page is to show


def find() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def install() -> str:
    """Install a browser by apt-get, if that is allowed; return what happened as text."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"try apt-get install {PACKAGES[0]}"
    end = time.monotonic() + INSTALL_SECONDS
    for words in (["update"], *(["install", "--yes", "--no-install-recommends", package] for package in PACKAGES)):
        command = ["apt-get", "--quiet", *words]
        said = " ".join(command)
        try:
            left = max(end - time.monotonic(), 1)
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=left)
        except subprocess.TimeoutExpired:
            return f"{said} had not ended after {INSTALL_SECONDS} seconds"
        said += f" ended with {done.returncode} and said {(done.stderr or done.stdout).strip()[-300:]!r}"
        if find():
            break
    return said


class WatchedPage(NamedTuple):
    """A page with its errors and the addresses of all its requests."""

    page: Page
    complaints: list[str]
    requests: list[str]


@contextmanager
def opened(program: str, folder: Path, width: int = 1280, height: int = 900) -> Iterator[WatchedPage]:
    """Open a page in a browser that writes only to a folder; close all its processes at the end."""
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        # chromium-shell knows one profile and one page, those that it starts with, and no size of a window.
        playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=program,
            no_viewport=True,
            args=[f"--data-path={folder / 'profile'}", "--ozone-platform=headless"],
            env={**os.environ, "HOME": str(folder)},  # where chromium keeps its reports of crashes
            timeout=PATIENCE * 1000,
        ) as context,
        # Closed before the rest: chromium-shell ends with its page, and otherwise when it is killed 30 seconds later.
        context.pages[0] as page,
    ):
        page.set_default_timeout(PATIENCE * 1000)
        page.set_viewport_size({"width": width, "height": height})
        watched = WatchedPage(page, [], [])
        context.on("request", lambda request: watched.requests.append(request.url))
        context.on("weberror", lambda error: watched.complaints.append(str(error.error)))
        context.on(
            "console",
            lambda message: message.type in ("error", "assert") and watched.complaints.append(message.text),
        )
        yield watched
