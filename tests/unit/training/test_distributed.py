"""What the machine does to the processes of a run: one message, its code, and a run that can go on."""

from __future__ import annotations

import socket

import pytest
from torch.distributed import TCPStore

from netyard.cli import error_messages
from netyard.cli.error_messages import explain
from netyard.errors import ConfigError, DataError, NetyardError, PlatformError
from netyard.io.process import is_main_process
from netyard.training import distributed
from netyard.training.distributed import rank_overrides


def test_a_port_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("MASTER_PORT", str(port))
        with pytest.raises(RuntimeError) as raised:
            TCPStore("127.0.0.1", port, 2, is_master=True, wait_for_workers=False)
    found = error_messages.explain(raised.value)
    assert isinstance(found, PlatformError) and f"MASTER_PORT={port}" in str(found) and "unset" in str(found)


class Words:
    """What ranks tell each other by, in one process."""

    def __init__(self) -> None:
        self.said: dict[str, bytes] = {}

    def set(self, key: str, value: str) -> None:
        self.said[key] = value.encode()

    def get(self, key: str) -> bytes:
        return self.said[key]

    def check(self, keys: list[str]) -> bool:
        return all(key in self.said for key in keys)


def test_rank_0_reports_the_error_of_another_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    words, lost = Words(), RuntimeError("Connection closed by peer [127.0.0.1]")
    monkeypatch.setattr(distributed, "_store", lambda: words)
    monkeypatch.setattr(distributed, "_PATIENCE", 0.1)
    assert distributed.original_error(lost, explain) is lost, "it was killed, and said nothing"
    own = ConfigError("mine")
    assert distributed.original_error(own, explain) is own
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert distributed.original_error(lost, explain) is lost and not words.said
    cause = DataError("the picture is broken;", "pictures are whole;", "delete it.")
    assert distributed.original_error(cause, explain) is cause
    monkeypatch.setenv("LOCAL_RANK", "0")
    told = distributed.original_error(lost, explain)
    assert isinstance(told, NetyardError) and (str(told), told.exit_code) == (str(cause), 3)
    monkeypatch.setattr(distributed, "_store", lambda: None)
    assert distributed.original_error(lost, explain) is lost


def test_rank_of_torchrun_takes_precedence_over_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert not is_main_process()
    monkeypatch.setenv("RANK", "0")
    assert is_main_process()
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert not is_main_process()
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("NODE_RANK", "1")
    assert not is_main_process()


def test_only_the_first_rank_claims_a_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rank_overrides(["seed=1"], sweeping=False) == ["seed=1"]
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ConfigError, match=r"not the first of its run.*SLURM_JOB_ID"):
        rank_overrides(["seed=1"], sweeping=False)
    assert rank_overrides(["hydra.run.dir=there"], sweeping=False) == [
        "hydra.run.dir=there",
        "hydra.output_subdir=null",
    ]
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert rank_overrides(["seed=1"], sweeping=False) == ["seed=1", "hydra.run.dir=.", "hydra.output_subdir=null"]
    monkeypatch.setenv("RANK", "0")
    assert rank_overrides(["seed=1"], sweeping=False) == ["seed=1"]
    with pytest.raises(ConfigError, match=r"has started this sweep 2 times"):
        rank_overrides(["seed=1,2"], sweeping=True)
