"""The results of a finished run: ``results.json``, the table on the console, and the versions it was made with."""

from __future__ import annotations

import logging
import platform
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from rich.table import Table

from netyard import plugins
from netyard.baselines.compare import Compared
from netyard.callbacks.best_and_last import BestAndLast
from netyard.callbacks.metrics_logger import Curves
from netyard.io.readable import short_path
from netyard.io.version import __version__
from netyard.run_directories.directory import RunDir
from netyard.tasks.interfaces import has_split
from netyard.training import baseline_results, data_summary, diagnosis, suggested_commands
from netyard.training.console_table import text_of
from netyard.training.context import RunContext

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinishedRun:
    """The return value of ``fit``."""

    context: RunContext
    """Config, choices, run directory, data module and task; the task has the weights of its best epoch."""
    results: Mapping[str, Any]
    """The content of ``results.json``."""

    @property
    def objective(self) -> float | None:
        """The monitored metric at its best epoch; None if no validation was run."""
        return self.results["objective"]["value"]


def collect(
    context: RunContext, trainer: L.Trainer, best: BestAndLast, seconds: Mapping[str, float], device: str
) -> dict[str, Any]:
    """Return the content of ``results.json``: the metrics of the best epoch's validation and of the test just run."""
    # The callback that measures throughput; a config may leave it out.
    curves = next((each for each in trainer.callbacks if isinstance(each, Curves)), None)
    return {
        **{group: context.choices[group] for group in ("model", "data", "task", "optimizer")},
        "seed": context.config["seed"],
        "parameters": context.parameters,
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "objective": {"name": best.monitor, "mode": best.mode, "value": best.best_value, "epoch": best.best_epoch},
        # The Trainer now has the test's metrics only: each stage clears those of the stage before. The validation
        # metrics come from the best epoch, not the last one.
        "metrics": {**best.best_metrics, **metrics_of(trainer)},
        "throughput": {"train_samples_per_second": round(curves.samples_per_second, 1) if curves else None},
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        # Relative: a run directory may be moved or copied to another machine.
        "best_checkpoint": str(context.run_dir.best.relative_to(context.run_dir.path)),
        "data_summary": data_summary.record(context.data_summary),
        "environment": environment(device),
    }


def collect_pruned(context: RunContext, trainer: L.Trainer, best: BestAndLast) -> dict[str, Any]:
    """Return what ``collect`` returns, as far as a pruned run has it: it was not tested. No file is written from it."""
    return {
        "parameters": context.parameters,
        "steps": trainer.global_step,
        "objective": {"value": best.best_value},
        "metrics": best.best_metrics,
    }


def metrics_of(trainer: L.Trainer) -> dict[str, float]:
    """Return the metrics that the last validation or test logged, as Python numbers."""
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def environment(device: str) -> dict[str, str]:
    """Return what the results depend on besides the config: versions, device and commit."""
    return {
        "netyard": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "lightning": L.__version__,
        "device": device,
        "git": _git_revision(),
        **({"packages": plugins.versions()} if plugins.installed() else {}),
    }


def log_start(context: RunContext, device: str) -> None:
    """Log the first lines of a run: network, data, optimizer, device, performance settings, directory."""
    choices = context.choices
    count = f"{context.parameters:,}"
    log.info("%s, %s parameters, on %s with %s", choices["model"], count, choices["data"], choices["optimizer"])
    data_summary.log_summary(context.data_summary)
    log.info("%s, %s, in %s", device, context.performance, short_path(context.run_dir.path))


def log_finish(context: RunContext, results: Mapping[str, Any], compared: Compared | None = None) -> None:
    """Log the tables of metrics and baselines, and the commands for the dashboard and for another test."""
    path = context.run_dir.path
    log_table(f"{context.choices['model']} on {context.choices['data']}", results)
    if compared is not None:
        baseline_results.log_comparison(context.choices["model"], compared, results)
    log.info("results     %s", short_path(path / "results.json"))
    if next(path.glob("events.out.tfevents.*"), None) is not None:  # not with logger=csv or none
        log.info("dashboard   %s --logdir %s", suggested_commands.program("tensorboard"), shlex.quote(short_path(path)))
    command = suggested_commands.evaluate(context.run_dir)
    if has_split(context.datamodule, "test"):
        tested = any(name.startswith("test/") for name in results["metrics"])
        log.info("%s  %s", "test again" if tested else "not tested, trainer.test is false; test it by", command)
    else:
        given = getattr(context.datamodule, "GIVEN", None)
        log.info(
            "not tested, there is no test part; test it by %s %s",
            command,
            f"data.{given[0]}=..." if given else "data=...",
        )
    diagnosis.log_found(context, results)


def log_stopped(run_dir: RunDir) -> None:
    """Log the command that resumes a run stopped by a signal."""
    log.info("stopped; continue with: %s", suggested_commands.resume(run_dir))


def log_untested(run_dir: RunDir) -> None:
    """Log how to go on with a run that was trained, but whose test failed."""
    log.info("trained, but not tested; results of the validation are in %s", short_path(run_dir.path / "results.json"))
    log.info("test again  %s", suggested_commands.evaluate(run_dir))


def log_table(title: str, results: Mapping[str, Any]) -> None:
    """Log a table with one row for each metric, and the best epoch if there is one."""
    table = Table("metric", title=title, title_justify="left")
    table.add_column("value", justify="right")
    for name, value in sorted(results["metrics"].items()):
        table.add_row(name, f"{value:.4f}")
    if results.get("objective", {}).get("epoch") is not None:
        table.add_row("best epoch", str(results["objective"]["epoch"]))
    log.info("%s", text_of(table))


def _git_revision() -> str:
    """Return the commit of the code, with ``-dirty`` if it was changed; ``unknown`` for an installed package."""
    try:
        # --exclude=* ignores tags, so that the output is always a commit. 10 s: a network file system may hang.
        completed = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return completed.stdout.strip()
