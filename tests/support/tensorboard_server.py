"""TensorBoard over a folder of runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 120  # seconds


@contextmanager
def tensorboard(folder: Path, log: Path) -> Iterator[str]:
    """Yield the address of a TensorBoard that has loaded all finished runs in a folder."""
    words = ["-W", "ignore", "-m", "tensorboard.main", "--logdir", str(folder), "--host", "127.0.0.1", "--port", "0"]
    with log.open("wb") as said:
        server = subprocess.Popen([sys.executable, *words], stdout=said, stderr=said)
    try:
        runs = len(list(folder.rglob("results.json")))
        end = time.monotonic() + PATIENCE
        while not (address := re.search(r"http://[\d.:]+/", log.read_text("utf-8"))) or _read(address[0]) < runs:
            assert time.monotonic() < end and server.poll() is None, (
                f"waited up to {PATIENCE} seconds for TensorBoard to read {runs} runs; it says {log.read_text('utf-8')}"
            )
            time.sleep(0.2)
        yield address[0]
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(60)
        server.kill()  # does nothing to one that has ended
        server.wait(60)


def _read(address: str) -> int:
    """Return the number of runs that it has loaded."""
    try:
        with urllib.request.urlopen(f"{address}data/plugin/scalars/tags", timeout=60) as answer:
            found = json.load(answer).values()
            return sum(any(tag.startswith("test/") for tag in tags) for tags in found)
    except OSError:
        return 0
