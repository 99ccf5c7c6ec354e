"""What changes the course of a run: stopping early, averaged weights, a backbone set free."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import pytest
import torch

from netyard.training import checkpoint
from support.run_comparison import rows

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none")


def weights(path: Path, which: str = "last") -> dict[str, torch.Tensor]:
    return checkpoint.read(path / "checkpoints" / f"{which}.ckpt")["state_dict"]


@pytest.mark.parametrize("every", [1, 2])
def test_a_run_that_does_not_improve_stops_early(train, every: int):
    ran = train(
        *RUN,
        "callbacks=[default,early_stopping]",
        "callbacks.early_stopping.patience=2",
        "optimizer.lr=1e-12",
        "trainer.max_epochs=50",
        f"trainer.check_val_every_n_epoch={every}",
    )
    assert ran.code == 0, ran.err
    assert len(rows(ran.path)) == 3 * every == ran.json("results.json")["epochs"]
    assert ran.json("results.json")["objective"]["epoch"] == every - 1


def test_a_run_that_improves_does_not_stop(train):
    common = ("task.monitor=val/loss", "task.mode=min", "trainer.max_epochs=6")
    ran = train(*RUN, *common, "callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=1")
    assert len(rows(ran.path)) == 6


def test_the_averaged_weights_are_validated_tested_and_saved(train, tmp_path: Path):
    average = ("callbacks=[default,ema]", "callbacks.ema.decay=0.9", "trainer.max_epochs=3", "optimizer.lr=0.05")
    best = ("task.monitor=val/loss", "task.mode=min")
    ran = train(*RUN, *average, *best)
    assert ran.code == 0, ran.err
    raw = train(*RUN, *best, "trainer.max_epochs=3", "optimizer.lr=0.05", path=tmp_path / "raw")
    last = checkpoint.read(ran.path / "checkpoints" / "last.ckpt")

    # The trained weights are those of a run without averages; what is saved to be used are others.
    for name, value in weights(raw.path).items():
        assert torch.equal(last["current_model_state"][name], value), name
        assert not torch.equal(last["state_dict"][name], value), name

    # The scores are of the averages: rebuilt from the checkpoint alone, they are the same.
    results = ran.json("results.json")
    got = score(checkpoint.load(ran.path), ran)
    assert got == {name: results["metrics"][name] for name in got} and {"val/loss", "test/loss"} <= set(got)
    assert results["metrics"]["val/loss"] != raw.json("results.json")["metrics"]["val/loss"]


def test_an_averaged_run_resumes_with_its_averages(train, tmp_path: Path):
    average = ("callbacks=[default,ema]", "callbacks.ema.decay=0.9", "optimizer.lr=0.05")
    ran = train(*RUN, *average, "trainer.max_epochs=2")
    assert train(f"resume={ran.path}", "trainer.max_epochs=4", path=ran.path).code == 0
    whole = train(*RUN, *average, "trainer.max_epochs=4", path=tmp_path / "whole")
    for name, value in weights(whole.path).items():
        assert torch.equal(weights(ran.path)[name], value), name


def score(task: L.LightningModule, ran) -> dict[str, float]:
    from netyard.config.instantiate import build

    config = checkpoint.read(ran.path / "checkpoints" / "best.ckpt")["netyard"]["config"]
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    data, found = build(config["data"]), {}
    for stage in (trainer.validate, trainer.test):
        stage(task, datamodule=data, verbose=False)
        found |= {name: float(value) for name, value in trainer.callback_metrics.items()}
    return found
