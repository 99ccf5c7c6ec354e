"""Collect the facts of a finished run, let ``netyard.diagnostics`` look at them, and log what it found."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from typing import Any

import lightning as L

from netyard.diagnostics.checks import diagnose
from netyard.diagnostics.facts import Facts, Suggestion
from netyard.run_directories.directory import RunDir
from netyard.tasks.interfaces import CountsConfusion, ImageData, LooksAhead, NamedClasses, SaysHowItLearns
from netyard.training import suggested_commands
from netyard.training.context import RunContext
from netyard.training.dead_units import dead_units

log = logging.getLogger(__name__)

LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches")


def found(context: RunContext, trainer: L.Trainer, results: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is said of a finished run: ``check``, ``sentence`` and ``command`` of each finding; usually nothing.

    Rank 0 alone calls it, after the test, when the task has the weights of the best epoch. An error in it does not end
    the run, which is complete.
    """
    if not context.config.get("diagnostics") or _is_partial(context):
        return []
    try:
        facts = facts_of(context, trainer, results)
        return [
            {"check": each.check, "sentence": each.sentence, "command": _command(context, each.suggestion)}
            for each in diagnose(facts)
        ]
    except Exception as error:
        log.warning("the run is not diagnosed: %s: %s", type(error).__name__, error)
        return []


def log_found(context: RunContext, results: Mapping[str, Any]) -> None:
    """Log each finding and its command in two lines; of a job of a sweep into its file only."""
    level = logging.DEBUG if context.run_dir.is_sweep_job else logging.INFO  # the console shows no DEBUG
    for each in results.get("diagnostics", ()):
        log.log(level, "%s\n  try  %s", each["sentence"], each["command"])


def facts_of(context: RunContext, trainer: L.Trainer, results: Mapping[str, Any]) -> Facts:
    """The facts of a finished run."""
    task, data = context.task, context.datamodule
    parts = results["data_summary"].get("parts", {})
    return Facts(
        history=history(context.run_dir),
        metrics=results["metrics"],
        objective=results["objective"],
        config=context.config,
        choices=context.choices,
        samples={name: each["samples"] for name, each in parts.items()},
        classes=results["data_summary"].get("classes") or {},
        baselines=results.get("baselines") or {},
        compared=results.get("baseline_facts", {}).get("metric"),
        horizon=task.horizon if isinstance(task, LooksAhead) else 1,
        loss_shows_progress=isinstance(task, SaysHowItLearns) and task.loss_shows_progress,
        ended_early=trainer.current_epoch != context.config["trainer"]["max_epochs"],
        is_image=isinstance(data, ImageData) and data.image_size is not None,
        predicted_class=predicted_class(task, data),
        dead_units=dead_units(task, data, trainer),
    )


def history(run_dir: RunDir) -> list[dict[str, float]]:
    """The rows of ``metrics.csv``: those of a resumed run are those of an uninterrupted one."""
    path = run_dir.path / "metrics.csv"
    if not path.is_file():  # a config may leave out the callback that writes it
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(text) for name, text in row.items() if text} for row in csv.DictReader(file)]


def _is_partial(context: RunContext) -> bool:
    """Whether the run was for debugging, or saw a part of the data only, whose noise the checks do not know."""
    trainer = context.config["trainer"]
    limits = [trainer.get(name) for name in LIMITS]
    limited = any(each is not None and (isinstance(each, int) or each != 1.0) for each in limits)  # 1 is one batch
    return (
        bool(context.choices.get("debug") or trainer.get("fast_dev_run") or trainer.get("overfit_batches")) or limited
    )


def predicted_class(task: Any, data: Any) -> str | None:
    """The one class that a test predicted for samples of several; else None."""
    confusion = task.confusion if isinstance(task, CountsConfusion) else None
    if confusion is None or (confusion.sum(dim=1) > 0).sum() < 2:
        return None
    predicted = confusion.sum(dim=0).nonzero().flatten().tolist()
    names = data.class_names if isinstance(data, NamedClasses) else None
    return None if len(predicted) != 1 else str(names[predicted[0]] if names else predicted[0])


def _command(context: RunContext, suggestion: Suggestion) -> str:
    if suggestion.run == "resume":
        return suggested_commands.resume(context.run_dir, *suggestion.overrides)
    if suggestion.run == "train":
        return suggested_commands.again(context.run_dir, suggestion.overrides)
    return suggested_commands.better(context.run_dir)
