"""What a page asks for and complains of is seen, and no process of browser and TensorBoard outlives a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.browser import WatchedPage

TESTS = Path(__file__).resolve().parents[1]
OPEN = """
import os, sys
from contextlib import ExitStack
from pathlib import Path
from support.browser import opened
from support.tensorboard_server import tensorboard

program, folder = sys.argv[1], Path(sys.argv[2])
with ExitStack() as stack:
    address = stack.enter_context(tensorboard(folder, folder / "log")) if {with_tensorboard} else "about:blank"
    page = stack.enter_context(opened(program, folder, {size})).page
    page.goto(address)
    print("the page is", page.title(), flush=True)
    {end}
"""
# Whose parent has ended becomes a child of this one: PR_SET_CHILD_SUBREAPER. So no process can leave it unseen.
WATCH = """
import ctypes, os, subprocess, sys, time
from pathlib import Path

assert ctypes.CDLL(None).prctl(36, 1) == 0
subprocess.run([sys.executable, *sys.argv[1:]])
until = time.monotonic() + 120
try:
    while os.waitpid(-1, os.WNOHANG) != (0, 0) or time.monotonic() < until:
        time.sleep(0.05)
except ChildProcessError:
    print("no process is left")
else:
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        print("waited 120 seconds for the end of", Path(f"/proc/{child}/cmdline").read_bytes())
        os.kill(int(child), 9)
"""


def test_what_a_page_asks_for_and_complains_of_is_seen(watched_page: WatchedPage) -> None:
    picture = "http://127.0.0.1:65535/picture.png"
    watched_page.page.goto(
        f"data:text/html,<script>console.error('said'); throw Error('thrown')</script><img src={picture}>"
    )
    assert [each for each in watched_page.requests if not each.startswith("data:")] == [picture]
    for word in ("said", "thrown", "Failed to load resource"):
        assert any(word in each for each in watched_page.complaints), (word, watched_page.complaints)


@pytest.mark.parametrize(
    ("end", "size", "with_tensorboard", "said"),
    [
        ("pass", "", True, "the page is TensorBoard"),
        ("raise AssertionError('it failed')", "", True, "AssertionError: it failed"),
        ("pass", "width=None", True, "page.set_viewport_size"),
        ("os.kill(os.getpid(), 9)", "", False, "the page is "),
    ],
    ids=["passed", "failed", "failed in its set-up", "killed"],
)
def test_no_process_is_left_of_a_test(
    browser_program: str, tmp_path: Path, end: str, size: str, with_tensorboard: bool, said: str
) -> None:
    script = OPEN.format(end=end, size=size, with_tensorboard=with_tensorboard)
    done = subprocess.run(
        [sys.executable, "-c", WATCH, "-c", script, browser_program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert said in done.stdout and done.stdout.endswith("no process is left\n"), done.stdout
