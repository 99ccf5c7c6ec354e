"""The map of a test's codes: TensorBoard serves its files as they were."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

RUN = ("model=autoencoder_tiny", "data=digits", "trainer=cpu", "trainer.max_epochs=1")
NUM_TESTED = 359  # a fifth of the digits


def labels(path: Path) -> list[str]:
    return (path / "projector" / "metadata.tsv").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Callable[[Path], Callable[[str], bytes]]]:
    """Start TensorBoard over a folder; it answers ``ask("projector/runs")``."""
    started: list[subprocess.Popen[bytes]] = []

    def start(path: Path) -> Callable[[str], bytes]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ["tensorboard.main", "--logdir", str(path), "--host", "127.0.0.1", "--port", str(port)]
        with (tmp_path / "board.log").open("wb") as said:
            started.append(subprocess.Popen([sys.executable, "-W", "ignore", "-m", *words], stdout=said, stderr=said))

        def ask(what: str) -> bytes:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/plugin/{what}", timeout=60) as answer:
                return answer.read()

        end = time.monotonic() + 120
        while True:  # the server is up, and has found a run
            try:
                if json.loads(ask("projector/runs")):
                    return ask
            except (urllib.error.URLError, ConnectionError):
                pass
            assert time.monotonic() < end and started[-1].poll() is None, (tmp_path / "board.log").read_text()
            time.sleep(0.2)

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_tensorboard_shows_the_map(train, board, tmp_path: Path):
    outputs = tmp_path / "outputs"
    for name in ("digits", "iris"):
        ran = train("model=autoencoder_tiny", f"data={name}", *RUN[2:], path=outputs / "today" / name)
        assert ran.code == 0, ran.err
    ask = board(outputs)
    assert sorted(json.loads(ask("projector/runs"))) == [f"today{os.sep}digits", f"today{os.sep}iris"]

    of = "run=today/digits&name=test/codes"
    (info,) = json.loads(ask("projector/info?run=today/digits"))["embeddings"]
    assert info["tensorName"] == "test/codes" and info["tensorShape"] == [NUM_TESTED, 8]
    assert info["sprite"]["singleImageDim"] == [64, 64]
    codes = np.frombuffer(ask(f"projector/tensor?{of}"), dtype=np.float32).reshape(-1, 8)
    assert np.array_equal(codes, np.loadtxt(outputs / "today/digits" / info["tensorPath"], dtype=np.float32))
    assert ask(f"projector/metadata?{of}").decode().split() == labels(outputs / "today/digits")
    with Image.open(BytesIO(ask(f"projector/sprite_image?{of}"))) as sheet:
        assert sheet.size == (1216, 1216)

    (info,) = json.loads(ask("projector/info?run=today/iris"))["embeddings"]
    assert "sprite" not in info and info["tensorShape"] == [30, 8]
