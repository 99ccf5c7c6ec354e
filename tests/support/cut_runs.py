"""Runs that are trained in several starts, compared with one that is trained in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netyard.config.compose import compose
from netyard.run_directories.directory import RunDir
from netyard.training import fit
from support.run_comparison import differences, rows, scores, state

TINY = (
    "trainer=cpu", "logger=none", "callbacks.figures=null", "callbacks.scores=null", "data.batch_size=8",
    "callbacks.samples=null", "callbacks.projector=null", "model=mlp_tiny", "data=iris", "model.dropout=0.3",
)  # fmt: skip
"""13 batches in an epoch."""
STOPPING = ("callbacks=[default,early_stopping]", "callbacks.early_stopping.min_delta=0.2", "trainer.max_epochs=12")
LONGER = ("trainer.max_steps=-1", "trainer.max_epochs=4")


def patience(number: int) -> tuple[str, ...]:
    return (f"callbacks.early_stopping.patience={number}",)


CUTS: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]], tuple[str, ...]]] = {
    "max_steps": ((), [("trainer.max_steps=20",), ("trainer.max_steps=23",), LONGER], LONGER),
    "patience": (STOPPING, [patience(1), patience(4)], patience(4)),
    "patience_within": ((*STOPPING, "trainer.val_check_interval=5"), [patience(1), patience(4)], patience(4)),
    "plateau": (
        ("trainer.val_check_interval=5", "scheduler=plateau", "scheduler.patience=0"),
        [("trainer.max_steps=7",), ("trainer.max_steps=23",), LONGER],
        LONGER,
    ),
    "across_epochs": (
        ("trainer.check_val_every_n_epoch=null", "trainer.val_check_interval=17"),
        [("trainer.max_steps=7",), ("trainer.max_steps=23",), LONGER],
        LONGER,
    ),
    "accumulated": (
        ("trainer.accumulate_grad_batches=4", "trainer.val_check_interval=4", "callbacks=[default,ema]"),
        [("trainer.max_steps=3",), ("trainer.max_steps=6",), LONGER],
        LONGER,
    ),
    "untrained": (
        ("scheduler=cosine",),
        [("trainer.max_epochs=0",), ("trainer.max_epochs=2", "trainer.schedule=stretch")],
        ("trainer.max_epochs=2",),
    ),
}
"""Ways to end within an epoch: common words, those of each start, and those of the run that is not cut off."""


def start(path: Path, words: list[str], resumed: bool = False) -> dict[str, Any]:
    """Train a run, or go on with it; returns its ``status.json``."""
    cfg, choices = compose(words)
    cfg.resume = str(path) if resumed else None
    fit.fit(cfg, choices, RunDir(path))
    return RunDir(path).status()


def in_parts(folder: Path, common: Sequence[str], parts: Sequence[Sequence[str]], alone: Sequence[str]) -> list[str]:
    """Return where a run that is resumed with other settings differs from one that is trained with ``alone``."""
    start(folder / "alone", [*common, *alone])
    for number, words in enumerate(parts):
        start(folder / "parts", [*common, *words], resumed=number > 0)
    return compare(folder / "alone", folder / "parts")


def compare(one: Path, other: Path) -> list[str]:
    """Return where weights, optimizer, schedule, best weights, rows and scores of two runs differ."""
    return [found for pair in zip(_kept(one), _kept(other), strict=True) for found in differences(*pair)]


def _kept(path: Path) -> list[Any]:
    keys = ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")
    return [*({key: state(path, name)[key] for key in keys} for name in ("last", "best")), rows(path), scores(path)]
