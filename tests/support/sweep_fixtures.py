"""Fixtures for tests of sweeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netyard.sweeps.runners import local
from netyard.sweeps.runners.local import Ending, Pool
from support.failing_jobs import ALLOW, HAPPENING
from support.sweep_command import QUICK
from support.warm_processes import WarmServer


def write_happening(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Write a user's callback into a folder from which jobs import it."""
    (folder / "happening.py").write_text(HAPPENING)
    patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a callback of the user's, that jobs can import."""
    write_happening(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def forked_server(warm_server: WarmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that starts a sweep's jobs needs no import, if the driver is in this process."""
    monkeypatch.setattr(local, "subprocess", warm_server.starter())


@pytest.fixture(scope="module")
def warm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the user's callback that the jobs of ``warm_pool`` import."""
    return tmp_path_factory.mktemp("warm")


@pytest.fixture(scope="module")
def warm_pool(warm_folder: Path) -> Iterator[Pool]:
    """A pool for two jobs at once, started once for all tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        write_happening(warm_folder, patch)
        made = Pool(devices="cpu", jobs_per_device=2, flags=[ALLOW])
        yield made
        made.close()  # and with it every job that still runs


@pytest.fixture
def pool(warm_pool: Pool, warm_folder: Path) -> Pool:
    """The warm pool; what a failed test has left in it ends now."""
    if warm_pool.running:
        warm_pool.stop(9)
    for name in ("hangs", "hurry"):
        (warm_folder / name).unlink(missing_ok=True)
    return warm_pool


@pytest.fixture
def run_jobs(pool: Pool) -> Callable[..., list[Ending]]:
    """``run_jobs(folder, ..., overrides=(...))``: a small job in each folder, at once as far as there is room."""

    def run(*folders: Path, overrides: tuple[str, ...] = (), resumed: bool = False) -> list[Ending]:
        endings: list[Ending] = []
        for number, folder in enumerate(folders):
            folder.mkdir(exist_ok=True)
            while not pool.free:
                endings += pool.wait()
            pool.start(number, [*QUICK, *overrides], folder, resumed)
        while pool.running:
            endings += pool.wait()
        return endings

    return run
