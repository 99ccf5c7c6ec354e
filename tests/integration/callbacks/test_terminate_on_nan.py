"""A loss that is NaN ends the run with a message, and the last good checkpoint is kept."""

from __future__ import annotations

import pytest
import torch

from netyard.training import checkpoint

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none", "optimizer=sgd")


def test_a_rate_that_is_far_too_large_ends_the_run_at_once(train):
    ran = train(*RUN, "optimizer.lr=1e30", "callbacks.finite.every_n_steps=1")
    assert ran.code == 6
    assert "the training loss is NaN in epoch 0, step " in ran.err and "try a smaller optimizer.lr" in ran.err
    assert "Traceback" not in ran.err
    status = ran.json("status.json")
    assert status["state"] == "failed" and "is NaN" in status["error"]
    assert "NumericalError" in (ran.path / "train.log").read_text()
    assert not (ran.path / "results.json").exists()
    told = ran.json("nan_report.json")
    assert (told["loss"], told["value"], told["epoch"], told["rates"]) == ("the training loss", "nan", 0, [1e30])
    assert f"step {told['step']}" in status["error"] and "nan_report.json" in ran.err
    assert told["gradient_norms"] and set(told["weights_not_finite"]) == set(told["gradient_norms"])
    inputs, labels = told["batch"]["batch[0]"], told["batch"]["batch[1]"]
    assert inputs["shape"] == [20, 4] and inputs["dtype"] == "float32" and inputs["not_finite"] == 0
    assert labels["shape"] == [20] and (labels["least"], labels["greatest"]) == (0, 2)


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
    assert ran.json("results.json")["metrics"]["test/loss"] is None  # NaN, which JSON does not have


class Scaler:
    """What scales the loss of 16-bit precision, as it behaves where every step but some overflows."""

    def __init__(self, well: tuple[int, ...] = ()) -> None:
        self.scales, self.well, self.steps = 2.0**16, well, 0

    def get_scale(self) -> float:
        self.steps += 1
        if self.steps > 1 and self.steps not in self.well:
            self.scales /= 2
        return self.scales


@pytest.mark.parametrize(("well", "code"), [((), 6), ((4, 8, 12, 16, 20), 0)], ids=["for ever", "now and then"])
def test_steps_that_16_bits_skip_are_counted(train, monkeypatch: pytest.MonkeyPatch, well: tuple[int, ...], code: int):
    from lightning.pytorch.plugins.precision import Precision

    monkeypatch.setattr(Precision, "scaler", Scaler(well), raising=False)
    ran = train(*RUN, "optimizer.lr=0.1", "trainer.max_steps=20", "callbacks.finite.max_skipped_steps=5")
    assert ran.code == code, ran.err
    if code:
        assert "overflowed in 5 steps in a row, 5 in total, up to epoch" in ran.err and "Traceback" not in ran.err
        told = ran.json("nan_report.json")
        assert (told["loss"], told["scale"], told["skipped_steps"]) == ("the gradients", 2.0**11, 5)


def test_the_report_says_which_samples(train):
    ran = train(*RUN, "optimizer.lr=1e30", "callbacks.finite.every_n_steps=1")
    told = ran.json("nan_report.json")
    assert told["batch_index"] == told["step"] - 1
    assert len({*told["samples"]}) == 20 and max(told["samples"]) < 150
