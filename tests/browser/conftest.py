"""A run to look at, a browser to look with, and TensorBoard between them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Browser, find
from filelock import FileLock
from serving import tensorboard

from netyard import cli


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The browser; looked for, and installed, by one of the suite's processes."""
    base = tmp_path_factory.getbasetemp()
    answer = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "browser"
    with FileLock(f"{answer}.lock"):
        if not answer.exists():
            answer.write_text(find() or "")
    if not answer.read_text():
        pytest.skip("no Chromium is here, and apt-get has not installed one; try apt-get install chromium")
    return answer.read_text()


@pytest.fixture
def browser(program: str, tmp_path: Path) -> Iterator[Browser]:
    with Browser(program, tmp_path) as page:
        yield page


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of everything that a classification shows."""
    path = tmp_path_factory.mktemp("outputs") / "digits"
    words = [
        "model=cnn_tiny",
        "data=digits",
        "trainer=cpu",
        "trainer.max_epochs=3",
        "callbacks=[default,graph,histograms]",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train.py"])
        assert cli.train([*words, "optimizer.lr=0.02", f"hydra.run.dir={path}"]) == 0
    return path


@pytest.fixture(scope="session")
def board(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a TensorBoard over the run's folder."""
    with tensorboard(run.parent, tmp_path_factory.mktemp("board") / "log") as address:
        yield address
