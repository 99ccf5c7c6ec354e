"""Who starts the other processes of a run, with which words, and what is left of it afterwards."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from netyard.training import rank_processes
from netyard.training.distributed import RankCommand
from netyard.training.rank_processes import RankProcesses, cluster_environment

COMMAND = RankCommand(("model=mlp", "hydra.run.dir=there"), "/work")
TOLD = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


class Child:
    """A process that ends when asked to."""

    def __init__(self, words: list[str], env: dict[str, str], cwd: str) -> None:
        self.words, self.env, self.cwd = words, env, cwd
        self.killed = False

    def poll(self) -> int:
        return 0

    def wait(self, timeout: float) -> int:
        return 0

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch) -> RankProcesses:
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(rank_processes.subprocess, "Popen", Child)
    return RankProcesses(COMMAND)


def test_rank_is_started_with_the_arguments_of_the_run(ranks: RankProcesses) -> None:
    before = dict(os.environ)
    with ranks:
        assert not ranks.creates_processes_externally
        ranks.validate_settings(num_devices=3, num_nodes=1)
        assert ranks.creates_processes_externally, "so that Lightning starts none"
        children: list[Any] = list(ranks.processes)
        assert [each.env["LOCAL_RANK"] for each in children] == ["1", "2"]
        for each in children:
            assert each.words == [sys.executable, "-m", "netyard.cli.rank", "model=mlp", "hydra.run.dir=there"]
            assert each.cwd == "/work" and each.env["WORLD_SIZE"] == "3"
            assert each.env["MASTER_PORT"] == os.environ["MASTER_PORT"] == str(ranks.main_port)
        ranks.validate_settings(num_devices=3, num_nodes=1)  # for the test, after training
        assert len(ranks.processes) == 2
    assert dict(os.environ) == before, "a second run starts its own"


def test_interrupt_kills_other_ranks_and_an_error_does_not(ranks: RankProcesses) -> None:
    for error, killed in ((KeyboardInterrupt(), True), (ValueError(), False)):
        with pytest.raises(type(error)), ranks:
            ranks.validate_settings(num_devices=2, num_nodes=1)
            raise error
        assert [each.killed for each in ranks.processes] == [killed]  # type: ignore[attr-defined]
        ranks.__exit__(None, None, None)
        ranks.processes.clear()


def test_other_ranks_start_no_processes(ranks: RankProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    ranks.validate_settings(num_devices=2, num_nodes=1)
    assert ranks.processes == []


def test_no_processes_are_started_under_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(cluster_environment(COMMAND), RankProcesses)
    assert cluster_environment(None) is None, "then Lightning starts the running program again"
    for name in ("TORCHELASTIC_RUN_ID", "RANK", "GROUP_RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "0")
    assert cluster_environment(COMMAND) is None
