"""`debug=lr_finder`: the suggestion, the restored weights, and tasks whose loss shows no progress."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from netyard.callbacks import batch_size_finder
from support.learning_rate_search import check_found_rate


def test_a_learning_rate_is_found_at_which_the_task_learns(train, tmp_path: Path) -> None:
    check_found_rate(train, ["data=iris", "optimizer=sgd"], tmp_path)


def test_the_weights_are_those_of_before(train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is tested, and saved, is the network as it was initialised."""
    monkeypatch.setattr(batch_size_finder, "MIN_SECONDS", 0.001)
    states = []
    for debug, less in (("lr_finder", "trainer.max_steps=30"), ("batch_size", "callbacks.batch_size.max_size=8")):
        ran = train(
            "model=cnn_tiny", f"debug={debug}", less, "logger=none", "optimizer.lr=1e-12", path=tmp_path / debug
        )
        assert ran.code == 0, ran.err
        states.append(torch.load(ran.path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"])
    for name, tensor in states[0].items():
        if "running" not in name and "num_batches" not in name:  # the run continues for this batch
            torch.testing.assert_close(tensor, states[1][name], atol=1e-9, rtol=0)


@pytest.mark.parametrize("model", ["gan_tiny", "dqn"])
@pytest.mark.parametrize("debug", ["lr_finder", "batch_size"])
def test_a_task_whose_loss_shows_no_progress_is_refused(train, model: str, debug: str) -> None:
    ran = train(f"model={model}", f"debug={debug}", "logger=none")
    assert ran.code == 2 and not ran.path.exists()
    assert ran.err.count("\n") == 1
    assert f"error: debug={debug} uses the training loss" in ran.err and "not so for GANs and agents" in ran.err
