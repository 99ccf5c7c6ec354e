"""A run to look at, a browser to look with, and TensorBoard between them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from netyard.cli import main
from support.browser import INSTALL_SECONDS, WatchedPage, find, install, opened
from support.tensorboard_server import tensorboard


@pytest.fixture(scope="session")
def browser_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The browser; installed, where there is none, by one of the suite's processes."""
    pytest.importorskip("playwright", reason="playwright is not installed; try pip install -e '.[campaign]'")
    base = tmp_path_factory.getbasetemp()
    tried = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "browser_installation"
    with FileLock(f"{tried}.lock", timeout=INSTALL_SECONDS + 60):
        if not find() and not tried.exists():
            tried.write_text(install(), encoding="utf-8")
    program = find()
    if not program:
        pytest.skip(f"no Chromium is here: {tried.read_text(encoding='utf-8')}")
    return program


@pytest.fixture
def watched_page(browser_program: str, tmp_path: Path) -> Iterator[WatchedPage]:
    """A page that nothing is in yet."""
    with opened(browser_program, tmp_path) as watched:
        yield watched


@pytest.fixture(scope="session")
def digits_run(browser_program: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of everything that a classification shows; none where nothing could look at it."""
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
        assert main.train([*words, "optimizer.lr=0.02", f"hydra.run.dir={path}"]) == 0
    return path


@pytest.fixture(scope="session")
def dashboard(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a TensorBoard over the run's folder."""
    with tensorboard(digits_run.parent, tmp_path_factory.mktemp("tensorboard") / "log") as address:
        yield address
