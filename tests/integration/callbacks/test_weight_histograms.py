"""Histograms that a dashboard shows on request: true, and without a trace in the run itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from support.event_files import events

RUN = (
    "model=cnn_tiny",
    "data=digits",
    "data.batch_size=64",
    "trainer=cpu",
    "trainer.max_epochs=2",
    "model.dropout=0.3",
    "trainer.limit_train_batches=3",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
    "callbacks.figures=null",
)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def test_a_run_that_is_watched_closely_is_the_same_run(train, tmp_path: Path):
    plain = train(*RUN, path=tmp_path / "plain")
    watched = train(*RUN, "callbacks=[default,histograms,graph]", path=tmp_path / "watched")
    assert plain.code == watched.code == 0, watched.err
    assert all(torch.equal(each, weights(watched.path)[name]) for name, each in weights(plain.path).items())
    assert plain.json("results.json")["metrics"] == watched.json("results.json")["metrics"]
    assert not events(plain.path).Tags()["histograms"] and not events(plain.path).Tags()["graph"]


def test_histograms_hold_the_weights_and_their_gradients(train):
    ran = train(*RUN, "callbacks=[default,histograms]")
    found = events(ran.path)
    held = {
        name: each for name, each in weights(ran.path).items() if "running" not in name and "num_batches" not in name
    }
    assert set(found.Tags()["histograms"]) == {f"{kind}/{name}" for kind in ("weights", "gradients") for name in held}
    for name, each in held.items():
        last = found.Histograms(f"weights/{name}")[-1].histogram_value
        assert last.num == each.numel()
        assert (last.min, last.max) == pytest.approx((float(each.min()), float(each.max())))
    assert [each.step for each in found.Histograms(f"gradients/{name}")] == [3, 6]
