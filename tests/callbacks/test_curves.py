"""The curves of a run, read back from where a user would look."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "trainer.max_epochs=3")


def scalars(path: Path, tag: str) -> dict[int, float]:
    events = EventAccumulator(str(path))
    events.Reload()
    found = [(each.step, each.value) for each in events.Scalars(tag)]
    assert len(found) == len(dict(found)), f"{tag} has several points at one step"
    return dict(found)


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_epoch_is_a_row_and_the_curves_have_the_optimizer_step_as_their_axis(train):
    ran = train(*RUN, "trainer.log_every_n_steps=2", "scheduler=cosine", "task.monitor=val/loss", "task.mode=min")
    assert ran.code == 0, ran.err
    table = rows(ran.path)
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    steps = [int(row["step"]) for row in table]
    total = steps[-1]
    assert steps == [total // 3, 2 * total // 3, total] and total == ran.json("results.json")["steps"]
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert len({row[name] for row in table}) > 1 and all(row[name] for row in table)
    assert float(table[-1]["val/loss"]) == pytest.approx(ran.json("results.json")["objective"]["value"], rel=1e-5)

    assert set(scalars(ran.path, "train/loss_step")) == set(range(2, total + 1, 2))
    assert set(scalars(ran.path, "train/samples_per_second")) == set(steps)
    assert all(0 < rate < 1e8 for rate in scalars(ran.path, "train/samples_per_second").values())
    val = scalars(ran.path, "val/loss")
    assert list(val.values()) == pytest.approx([float(row["val/loss"]) for row in table], rel=1e-5)


def test_the_learning_rate_is_a_curve(train):
    ran = train(*RUN, "trainer.log_every_n_steps=1", "scheduler=cosine", "optimizer.lr=0.01")
    events = EventAccumulator(str(ran.path))
    events.Reload()
    rates = [each.value for each in events.Scalars("lr")]
    assert rates == sorted(rates, reverse=True) and rates[-1] < 0.001 < rates[0] <= 0.01


def test_an_epoch_without_validation_repeats_none(train):
    ran = train(*RUN, "trainer.check_val_every_n_epoch=2", "logger=none")
    assert [bool(row["val/loss"]) for row in rows(ran.path)] == [False, True, False]
    assert all(row["train/loss"] for row in rows(ran.path))


def test_accumulated_batches_are_one_point_with_the_whole_loss(train):
    common = (*RUN, "optimizer.lr=1e-12", "trainer.log_every_n_steps=1", "trainer.max_epochs=1", "data.batch_size=27")
    ran = train(*common, "trainer.accumulate_grad_batches=2")
    assert ran.code == 0, ran.err
    losses = scalars(ran.path, "train/loss_step")
    assert set(losses) == {1, 2}  # four batches
    alone = scalars(train(*common, path=ran.path.parent / "alone").path, "train/loss_step")
    assert losses[1] == pytest.approx(alone[2], rel=1e-4) and losses[2] == pytest.approx(alone[4], rel=1e-4)


def test_the_results_carry_the_throughput(train):
    ran = train(*RUN, "logger=none")
    results = ran.json("results.json")
    samples = 3 * 108  # of iris, four fifths for training and a tenth of them for validation
    assert results["throughput"]["train_samples_per_second"] > samples / results["seconds"]["fit"]
