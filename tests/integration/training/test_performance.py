"""How a network is run: what is chosen for which work, and that nothing but rounding follows from it."""

from __future__ import annotations

import pytest
import torch

from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint

CNN = ("model=cnn_tiny", "data=digits", "trainer.max_epochs=2", "logger=none", "trainer.limit_train_batches=6")


def test_layout_changes_rounding_alone_and_resumes_to_the_bit(train, tmp_path) -> None:
    """The same epochs with and without, and the faster one continued from its first epoch."""
    safe = train(*CNN, "trainer.performance=safe", path=tmp_path / "safe")
    auto = train(*CNN, path=tmp_path / "auto")
    assert "channels last" in auto.out and "channels last" not in safe.out
    metrics = [RunDir(each.path).results()["metrics"] for each in (safe, auto)]
    assert metrics[1] == pytest.approx(metrics[0], abs=0.02)
    states = [checkpoint.read(each.path / "checkpoints" / "last.ckpt")["state_dict"] for each in (safe, auto)]
    assert states[0].keys() == states[1].keys()

    begun = train(*CNN, "trainer.max_epochs=1", path=tmp_path / "begun")
    assert begun.code == 0, begun.err
    resumed = train(f"resume={begun.path}", "trainer.max_epochs=2", path=begun.path)
    assert resumed.code == 0, resumed.err
    again = checkpoint.read(begun.path / "checkpoints" / "last.ckpt")["state_dict"]
    assert all(torch.equal(again[key], value) for key, value in states[1].items())
    refused = train(f"resume={begun.path}", "trainer.max_epochs=3", "trainer.performance=safe", path=begun.path)
    assert refused.code == 2 and "trainer.performance changed from auto to safe" in refused.err
