"""Runs a command line in its own process, as a user would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.command_result import Ran
from support.processes import Processes
from support.warm_processes import WarmServer


@pytest.fixture(scope="session")
def warm_server(session_folder: Path) -> Iterator[WarmServer]:
    """Forks processes, of all workers; it is started for the first one."""
    (session_folder / "warm_processes").mkdir(exist_ok=True)
    made = WarmServer(session_folder / "warm_processes")
    yield made
    made.close()


@pytest.fixture
def processes(warm_server: WarmServer) -> Iterator[Processes]:
    """Background processes that are ended with the test."""
    made = Processes(warm_server)
    yield made
    made.end()


@pytest.fixture
def command(tmp_path: Path, processes: Processes) -> Callable[..., Ran]:
    """``command("train.py", "model=mlp")`` runs the command and returns its result; ``warm`` needs no import."""

    def run(*words: str, path: Path | None = None, warm: bool = False, **environment: str) -> Ran:
        done = processes.run(*words, warm=warm, **{"NETYARD_OUTPUTS": str(tmp_path / "outputs"), **environment})
        return Ran(done.returncode, done.stdout, done.stderr, path or tmp_path / "outputs")

    return run
