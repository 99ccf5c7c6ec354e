"""Runs a command line in its own process, as a user would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.command_result import Ran
from support.processes import Processes


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Background processes that are ended with the test."""
    made = Processes()
    yield made
    made.end()


@pytest.fixture
def command(tmp_path: Path, processes: Processes) -> Callable[..., Ran]:
    """``command("train.py", "model=mlp")`` runs the command and returns its result."""

    def run(*words: str, path: Path | None = None, **environment: str) -> Ran:
        done = processes.run(*words, **{"NETYARD_OUTPUTS": str(tmp_path / "outputs"), **environment})
        return Ran(done.returncode, done.stdout, done.stderr, path or tmp_path / "outputs")

    return run
