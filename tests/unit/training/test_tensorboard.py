"""A logger that a full disk does not fail, and the columns of the HPARAMS tab."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.summary_pb2 import Summary

from netyard.training import tensorboard
from netyard.training.tensorboard import BufferedTensorBoardLogger, EventFile, sweep_columns


def drawn(folder: Path, tag: str) -> list[tuple[int, float]]:
    board = EventAccumulator(str(folder)).Reload()
    return [(each.step, each.value) for each in board.Scalars(tag)]


def logger_in(folder: Path, resumed_step: int | None = None, job: bool = False) -> BufferedTensorBoardLogger:
    logger = BufferedTensorBoardLogger(str(folder), name="", version="", default_hp_metric=False)
    run: Any = SimpleNamespace(
        resumed_step=resumed_step, run_dir=SimpleNamespace(job=lambda: {"axes": []} if job else {})
    )
    logger.attach(run)
    return logger


@pytest.mark.parametrize(("resumed_step", "left"), [(2, [0, 1, 2]), (0, []), (None, [0, 1, 2, 3, 4])])
def test_points_after_the_resumed_step_are_hidden(tmp_path: Path, resumed_step: int | None, left: list[int]) -> None:
    first = logger_in(tmp_path)
    for step in range(5):
        first.log_metrics({"loss": 1.0}, step)
    first.finalize("success")
    second = logger_in(tmp_path, resumed_step)
    second.log_metrics({"loss": 2.0}, 5)
    second.finalize("success")
    assert drawn(tmp_path, "loss") == [*((step, 1.0) for step in left), (5, 2.0)]


def test_what_follows_the_training_is_logged_once_at_the_last_step(tmp_path: Path) -> None:
    for repeated in (None, 4):
        logger = logger_in(tmp_path, repeated)
        if repeated is None:
            logger.log_metrics({"val/loss": 1.0}, 4)
        logger.experiment  # noqa: B018 - Lightning asks for it before anything is logged
        logger.begin_results()
        logger.log_metrics({"test/loss": 2.0}, 4)
        logger.finalize("success")
    assert drawn(tmp_path, "val/loss") == [(4, 1.0)] and drawn(tmp_path, "test/loss") == [(4, 2.0)]


@pytest.mark.parametrize("job", [False, True])
def test_losses_share_a_chart_where_training_is_a_run_of_its_own(tmp_path: Path, job: bool) -> None:
    logger = logger_in(tmp_path, job=job)
    training = {"train/loss": 2.0, "train/generator_loss": 3.0, "train/accuracy": 0.5, "train/loss_step": 9.0}
    logger.log_metrics({**training, "epoch": 0}, 4)
    logger.log_metrics({"val/loss": 1.0, "val/kl_loss": 0.25, "val/accuracy": 0.75, "epoch": 0}, 4)
    logger.finalize("success")
    tags = EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]
    assert set(tags) == {*training, "val/loss", "val/kl_loss", "val/accuracy", "loss"}
    assert drawn(tmp_path, "loss") == [(4, 1.0)]
    assert (tmp_path / "train").is_dir() != job
    if not job:
        assert drawn(tmp_path / "train", "loss") == [(4, 2.0)]
        assert drawn(tmp_path / "train", "training/accuracy") == [(4, 0.5)]
        assert "training/loss_step" not in EventAccumulator(str(tmp_path / "train")).Reload().Tags()["scalars"]


def test_temporarily_full_disk_loses_no_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logger_in(tmp_path)
    logger.log_metrics({"loss": 1.0}, 0)
    logger.save()
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    logger.log_metrics({"loss": 2.0}, 1)
    logger.save()
    monkeypatch.setattr(os, "write", write)
    logger.log_metrics({"loss": 3.0}, 2)
    logger.finalize("success")
    assert drawn(tmp_path, "loss") == [(0, 1.0), (1, 2.0), (2, 3.0)]


def test_points_are_flushed_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = EventFile(str(tmp_path))
    path = next(tmp_path.glob("events.out.tfevents.*"))
    size = path.stat().st_size
    file.add_summary(Summary(value=[Summary.Value(tag="a", simple_value=1.0)]), 0)
    assert path.stat().st_size == size
    monkeypatch.setattr(tensorboard, "FLUSHED_AFTER", 0.0)
    file.add_summary(Summary(value=[Summary.Value(tag="a", simple_value=2.0)]), 1)
    assert path.stat().st_size > size and drawn(tmp_path, "a") == [(0, 1.0), (1, 2.0)]
    file.close()


def test_encoded_image_is_logged(tmp_path: Path) -> None:
    logger = logger_in(tmp_path)
    picture = Summary.Image(height=1, width=1, colorspace=3, encoded_image_string=b"GIF89a")
    logger.add_summary(Summary(value=[Summary.Value(tag="episode", image=picture)]), 4)
    logger.finalize("success")
    found = EventAccumulator(str(tmp_path)).Reload().Images("episode")
    assert [(each.step, each.encoded_image_string) for each in found] == [(4, b"GIF89a")]


def test_value_of_any_type_has_a_column(tmp_path: Path) -> None:
    config = {"model": {"norm": True, "sizes": [1, 2], "rate": None}, "trainer": {"devices": 1}}
    axes = [
        "model.norm",
        "model.sizes",
        "model.rate",
        "trainer",
        "model.rate.deeper",
        "experiment",
        "seed",
        "model",
        "loss",
    ]
    (tmp_path / "job.json").write_text(json.dumps({"axes": axes}), encoding="utf-8")
    assert sweep_columns(config, {"trainer": "cpu", "experiment": None, "model": "mlp"}, tmp_path) == {
        "model.norm": "true",
        "model.sizes": "[1, 2]",
        "model.rate": "null",
        "trainer": "cpu",
        "experiment": "null",
    }
    assert sweep_columns(config, {}, tmp_path / "alone") == {}
