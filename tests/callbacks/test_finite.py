"""A loss that is no number ends the run with a message, and what was good is kept."""

from __future__ import annotations

import pytest
import torch

from netyard import checkpoint

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none", "optimizer=sgd")


def test_a_rate_that_is_far_too_large_ends_the_run_at_once(train):
    ran = train(*RUN, "optimizer.lr=1e30", "callbacks.finite.every_n_steps=1")
    assert ran.code == 6
    assert "the training loss became nan in epoch 0, step " in ran.err and "try a smaller optimizer.lr" in ran.err
    assert "Traceback" not in ran.err
    status = ran.json("status.json")
    assert status["state"] == "failed" and "became nan" in status["error"]
    assert "NumericalError" in (ran.path / "train.log").read_text()
    assert not (ran.path / "results.json").exists()


@pytest.mark.parametrize("every", [1, 1000])
def test_the_last_good_checkpoint_is_kept(train, every: int):
    # After a third of the run the rate explodes.
    explosion = ("scheduler=multistep", "scheduler.milestones=[0.34]", "scheduler.gamma=1e32")
    ran = train(*RUN, "trainer.max_epochs=3", *explosion, f"callbacks.finite.every_n_steps={every}")
    assert ran.code == 6, ran.err
    for name in ("best", "last"):
        state = checkpoint.read(ran.path / "checkpoints" / f"{name}.ckpt")
        assert state["epoch"] == 0
        assert all(torch.isfinite(value).all() for value in state["state_dict"].values())


def test_without_it_the_run_goes_on(train):
    ran = train(*RUN, "optimizer.lr=1e30", "callbacks.finite=null", "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/loss"] is None  # no number in JSON
