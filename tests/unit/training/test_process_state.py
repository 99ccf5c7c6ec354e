"""A run leaves the process it was in as it found it."""

from __future__ import annotations

import logging
import os

import pytest
import torch

from netyard.training import process_state


def test_settings_are_restored_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    library = logging.getLogger("lightning.pytorch")
    cudnn = torch.backends.cudnn

    def state() -> list[object]:
        return [
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
            *(cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32),
            list(library.handlers),
            library.propagate,
            dict(os.environ),
        ]

    before = state()
    with pytest.raises(ZeroDivisionError), process_state.restore_on_exit():
        process_state.run_settings(3)
        torch.set_num_threads(torch.get_num_threads() + 1)
        torch.use_deterministic_algorithms(True, warn_only=True)
        process_state.disable_memory_filling()
        cudnn.benchmark, cudnn.allow_tf32 = not cudnn.benchmark, not cudnn.allow_tf32
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        library.propagate = not library.propagate
        assert state()[0] != before[0] and os.environ["PL_GLOBAL_SEED"] == "3"
        _ = 1 / 0
    assert state() == before


def test_seed_is_set_for_all_generators() -> None:
    with process_state.restore_on_exit():
        process_state.run_settings(11)
        first = torch.rand(3)
        process_state.run_settings(11)
        assert torch.equal(torch.rand(3), first)
