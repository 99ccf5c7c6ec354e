"""TensorBoard over a folder of runs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 120


@contextmanager
def tensorboard(folder: Path, log: Path) -> Iterator[str]:
    """The address of one that has read all runs below a folder, of which each has ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-W", "ignore", "-m", "tensorboard.main", "--logdir", str(folder), "--host", "127.0.0.1"]
    with log.open("wb") as said:
        server = subprocess.Popen([sys.executable, *words, "--port", str(port)], stdout=said, stderr=said)
    try:
        address = f"http://127.0.0.1:{port}/"
        end = time.monotonic() + PATIENCE
        while _read(address) < len(list(folder.rglob("results.json"))):
            assert time.monotonic() < end and server.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _read(address: str) -> int:
    """How many runs it has read to their end."""
    try:
        with urllib.request.urlopen(f"{address}data/plugin/scalars/tags", timeout=20) as answer:
            return sum("hp/objective" in tags for tags in json.load(answer).values())
    except (urllib.error.URLError, ConnectionError):
        return 0
