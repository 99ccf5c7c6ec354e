"""A run that ends within an epoch, for whichever reason, is resumed with the next batch: the same bits."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from netyard.callbacks import run_limits
from netyard.run_directories import manifest
from netyard.training import checkpoint
from support.cut_runs import CUTS, STOPPING, TINY, compare, in_parts, patience, start
from support.run_comparison import rows


@pytest.mark.parametrize(
    ("common", "parts", "alone"),
    [CUTS[name] for name in ("max_steps", "patience_within", "accumulated", "untrained")],
    ids=("max_steps", "patience_within", "accumulated", "untrained"),
)
def test_a_run_that_was_cut_off_ends_with_the_same_bits(common, parts, alone, tmp_path: Path) -> None:
    assert in_parts(tmp_path, [*TINY, *common], parts, alone) == []


def test_time_that_is_over_interrupts_a_run_between_two_steps(tmp_path: Path, monkeypatch) -> None:
    common = [*TINY, "trainer.max_epochs=4", "trainer.accumulate_grad_batches=2", "trainer.val_check_interval=4"]
    start(tmp_path / "alone", common)
    clock = itertools.count()  # a second passes at every look at it
    monkeypatch.setattr(run_limits, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    seen = [start(tmp_path / "parts", [*common, "trainer.max_time=5s"], resumed=number > 0) for number in range(6)]
    states = [each["state"] for each in seen]
    assert states == ["interrupted"] * 5 + ["completed"]
    assert seen[0]["error"] == "trainer.max_time=5s is over at step 5; resume= continues the run"
    assert compare(tmp_path / "alone", tmp_path / "parts") == []


def test_a_job_of_a_sweep_is_completed_when_its_time_is_over(tmp_path: Path) -> None:
    job = tmp_path / "0"
    job.mkdir()
    (job / "job.json").write_text("{}", encoding="utf-8")
    ended = start(job, [*TINY, "trainer.max_epochs=2", "trainer.max_time=0.001s"])
    assert ended["state"] == "completed" and [each["step"] for each in rows(job)] == ["1"]
    start(job, [*TINY, "trainer.max_epochs=2"], resumed=True)
    start(tmp_path / "alone", [*TINY, "trainer.max_epochs=2"])
    assert compare(tmp_path / "alone", job) == []


def test_the_best_is_what_was_validated_within_an_epoch(tmp_path: Path) -> None:
    # The smallest loss as the worst score: the first validation stays the best.
    words = ["task.monitor=val/loss", "task.mode=max", "trainer.val_check_interval=5", "trainer.max_epochs=2"]
    start(tmp_path / "run", [*TINY, *words])
    best = checkpoint.read(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert best["global_step"] == 5 and best["callbacks"]["BestAndLast"]["epoch"] == 0
    start(tmp_path / "short", [*TINY, *words, "trainer.max_steps=5"])
    short = checkpoint.read(tmp_path / "short" / "checkpoints" / "best.ckpt")
    assert all(value.equal(short["state_dict"][name]) for name, value in best["state_dict"].items())


def test_the_best_before_a_run_was_cut_off_stays_the_best_of_the_resumed_run(tmp_path: Path) -> None:
    """The validation at the end of the first start is the best of all, and no validation of the whole run."""
    common = [*TINY, "task.monitor=val/loss", "task.mode=min", "callbacks.checkpoint.keep=1", "optimizer.lr=0.05"]
    common += ["trainer.check_val_every_n_epoch=2", "optimizer=sgd"]
    last = ["trainer.max_steps=-1", "trainer.max_epochs=2"]
    assert in_parts(tmp_path, common, [["trainer.max_steps=20"], ["trainer.max_steps=22"], last], last) == []
    found = manifest.read_all(tmp_path / "parts" / "checkpoints")
    assert (
        manifest.find_verified(tmp_path / "parts" / "checkpoints" / "best.ckpt") is not None and found[0].former is None
    )


def test_checkpoints_within_epochs_change_nothing(tmp_path: Path) -> None:
    common = [*TINY, "trainer.max_epochs=2"]
    start(tmp_path / "alone", common)
    start(tmp_path / "saving", [*common, "callbacks.checkpoint.every_n_steps=5", "callbacks.checkpoint.keep=9"])
    assert compare(tmp_path / "alone", tmp_path / "saving") == []
    steps = sorted(each.step for each in manifest.read_all(tmp_path / "saving" / "checkpoints"))
    assert steps == [5, 10, 13, 15, 20, 25, 26]


def test_the_row_of_an_epoch_that_is_cut_off_has_its_own_means(tmp_path: Path) -> None:
    start(tmp_path / "run", [*TINY, "trainer.max_steps=20"])
    whole, cut = rows(tmp_path / "run")
    assert cut["step"] == "20" and cut["train/loss"] != whole["train/loss"] and cut["val/loss"] != whole["val/loss"]


def test_a_schedule_is_kept_as_it_was_planned(tmp_path: Path) -> None:
    common = [*TINY, "scheduler=cosine", "scheduler.final_ratio=0.1"]
    start(tmp_path / "run", [*common, "trainer.max_epochs=2"])
    for epochs in (3, 4):
        start(tmp_path / "run", [*common, f"trainer.max_epochs={epochs}", "trainer.schedule=keep"], resumed=True)
    rates = [float(each["lr"]) for each in rows(tmp_path / "run")]
    assert rates[0] > rates[1] > 0.0001 and rates[2:] == [0.0001, 0.0001]


def test_early_stopping_waits_for_the_minimum(tmp_path: Path) -> None:
    words = [*TINY, *STOPPING, *patience(1), "trainer.val_check_interval=5", "trainer.min_steps=30"]
    words.append("callbacks.early_stopping.min_delta=1")
    start(tmp_path / "run", words)
    assert rows(tmp_path / "run")[-1]["step"] == "31"  # the next validation, after 5 batches of the third epoch


def test_a_network_is_tested_without_training(tmp_path: Path) -> None:
    start(tmp_path / "run", [*TINY, "trainer.max_epochs=0"])
    state = checkpoint.read(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert state["global_step"] == 0 and not (tmp_path / "run" / "metrics.csv").exists()
