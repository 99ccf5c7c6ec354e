"""Every private name that is used is where it was: a new version of its library fails here, with a sentence."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar

import lightning as L
import pytest
from lightning.pytorch.loggers.logger import DummyLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import FileWriter

from netyard.training import lean_loop, lightning_internals
from netyard.training.lightning_internals import INTERNALS, Internal, OwningSummaryWriter


@pytest.fixture
def trainer() -> L.Trainer:
    return L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)


@pytest.mark.parametrize("internal", INTERNALS, ids=lambda internal: internal.name)
def test_private_name_still_exists(trainer: L.Trainer, internal: Internal) -> None:
    try:
        internal.find(trainer)
    except (AttributeError, TypeError) as error:
        pytest.fail(
            f"lightning {L.__version__} has moved {internal.name} ({error}). It was used because {internal.reason}. "
            "Read the new version, and mend netyard/training/lightning_internals.py.",
            pytrace=False,
        )


def test_missing_private_name_keeps_lightnings_loop(
    trainer: L.Trainer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = Internal("Trainer._gone", "nothing else tells it", lambda trainer: trainer._gone)
    monkeypatch.setattr(lightning_internals, "INTERNALS", (*INTERNALS, gone))
    monkeypatch.setattr(lightning_internals, "_warned", set())
    stock = trainer.fit_loop.epoch_loop
    with caplog.at_level(logging.WARNING, "netyard"):
        lean_loop.install(trainer)
        lean_loop.install(trainer)
    assert trainer.fit_loop.epoch_loop is stock
    assert caplog.text.count("no Trainer._gone, or a changed one") == 1 and "nothing else tells it" in caplog.text


def test_lean_loop_is_installed_if_nothing_is_missing(trainer: L.Trainer) -> None:
    lean_loop.install(trainer)
    assert isinstance(trainer.fit_loop.epoch_loop, lean_loop.LeanEpochLoop)


def test_what_lightning_logs_stands_at_the_number_of_finished_steps() -> None:
    class Steps(DummyLogger):
        logged: ClassVar[list[int | None]] = []

        def log_metrics(self, metrics: Any, step: int | None = None) -> None:
            self.logged.append(step)

    trainer = L.Trainer(accelerator="cpu", logger=Steps(), enable_checkpointing=False, enable_progress_bar=False)
    lightning_internals.log_at_optimizer_steps(trainer)
    loop = trainer.fit_loop.epoch_loop
    loop._batches_that_stepped = 6
    loop.automatic_optimization.optim_progress.optimizer.step.total.completed = 7
    for step in (None, 3):
        trainer._logger_connector.log_metrics({"a": 1.0}, step)
    assert Steps.logged == [7, 3] and loop._batches_that_stepped == 6


def test_summary_writer_uses_the_given_file_also_after_close(tmp_path: Path) -> None:
    made: list[FileWriter] = []

    def make() -> FileWriter:
        made.append(FileWriter(str(tmp_path)))
        return made[-1]

    writer = OwningSummaryWriter(make, str(tmp_path), None)
    assert writer.open() is made[0] and len(made) == 1
    writer.add_scalar("a", 1.0, 3)
    writer.close()
    writer.add_scalar("a", 2.0, 4)
    writer.close()
    assert len(made) == len(list(tmp_path.glob("events.*"))) == 2
    board = EventAccumulator(str(tmp_path)).Reload()
    assert [(each.step, each.value) for each in board.Scalars("a")] == [(3, 1.0), (4, 2.0)]


def test_warning_if_torch_opens_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def opens_itself(self: Any, log_dir: str, purge_step: int | None) -> None:
        self.file_writer, self.all_writers, self.purge_step = FileWriter(log_dir), {}, None

    monkeypatch.setattr(lightning_internals.SummaryWriter, "__init__", opens_itself)
    monkeypatch.setattr(lightning_internals, "_warned", set())
    with caplog.at_level(logging.WARNING, "netyard"):
        OwningSummaryWriter(lambda: pytest.fail("nobody asks"), str(tmp_path), None)
    assert "a full disk may stop the run" in caplog.text
